#include "reconciler/cel/cel.h"

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"

namespace slipway::cel {
namespace {

Json json(std::string_view text) {
  Result<Json> parsed = parseJson(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : Json();
}

// The value as JSON, or what is wrong.
std::string eval(std::string_view expression, std::string_view self = "{}") {
  Result<std::shared_ptr<const Program>> program = compile(expression, {{"self", simpleType(Kind::Dyn)}});
  if (!program) {
    const std::string message = program.status().message();
    return message.substr(0, message.find('\n'));
  }
  const Json value = json(self);
  Result<Json> out = (*program)->evaluate({&value});
  return out ? out->dump() : "error: " + out.status().message();
}

void expectAll(const std::vector<std::pair<std::string, std::string>>& cases, std::string_view self = "{}") {
  for (const auto& [expression, expected] : cases) {
    EXPECT_EQ(eval(expression, self), expected) << expression;
  }
}

TEST(Cel, ComputesWithLiteralsAndOperators) {
  expectAll({{"1 + 2 * 3", "7"},
             {"(1 + 2) * 3", "9"},
             {"7 / 2", "3"},
             {"-7 % 3", "-1"},
             {"7.0 / 2.0", "3.5"},
             {"0x10 + 1", "17"},
             {"3u - 1u", "2"},
             {"1e3", "1000"},
             {"-9223372036854775808", "-9223372036854775808"},
             {"'a' + \"b\"", "\"ab\""},
             {"[1] + [2, 3]", "[1,2,3]"},
             {"!true || 1 < 2 && 'a' < 'b'", "true"},
             {"1 == 1 ? 'y' : 'n'", "\"y\""},
             {"true ? 1 : false ? 2 : 3", "1"},
             {"1 < 1.5 && 2u > 1", "true"},
             {"{'a': 1, 'b': [2]}.b[0]", "2"},
             {"'a' in ['a'] && 'k' in {'k': 1}", "true"},
             {"r'\\d' + '\\n\\x41\\u00e9'", "\"\\\\d\\nAé\""},
             {"'''a'b'''", "\"a'b\""},
             {"null == null", "true"},
             {"[1, 2] == [1, 2] && {'a': 1} == {'a': 1}", "true"},
             {"2 > 1 // remark", "true"}});
}

TEST(Cel, ReportsErrorsOfArithmetic) {
  expectAll({{"9223372036854775807 + 1", "error: integer overflow"},
             {"-9223372036854775807 - 2", "error: integer overflow"},
             {"9223372036854775807 * 2", "error: integer overflow"},
             {"1 / 0", "error: division by zero"},
             {"1 % 0", "error: modulus by zero"},
             {"0u - 1u", "error: unsigned integer overflow"},
             {"[1][1]", "error: index out of bounds: 1"},
             {"{'a': 1}['b']", "error: no such key: b"},
             {"self.missing", "error: no such key: missing"},
             {"int('x')", "error: int conversion error: x"}});
}

TEST(Cel, AndAndOrAbsorbErrors) {
  expectAll({{"true || self.x", "true"},
             {"self.x || true", "true"},
             {"self.x && false", "false"},
             {"self.x && true", "error: no such key: x"},
             {"[1, 0].exists(i, 1 / i == 1)", "true"},
             {"[0, 2].all(i, 1 / i == 1)", "false"},
             {"[0, 1].all(i, 1 / i == 1)", "error: division by zero"}});
}

TEST(Cel, FoldsListsAndMaps) {
  const char* self = R"({"l":[1,2,3],"m":{"a":1,"b":2},"t":[{"n":"x","w":1},{"n":"y","w":2}]})";
  expectAll({{"self.l.all(i, i > 0)", "true"},
             {"self.l.exists(i, i > 3)", "false"},
             {"self.l.exists_one(i, i == 2)", "true"},
             {"self.l.map(i, i * 2)", "[2,4,6]"},
             {"self.l.map(i, i > 1, i * 2)", "[4,6]"},
             {"self.l.filter(i, i != 2)", "[1,3]"},
             {"self.m.all(k, self.m[k] > 0)", "true"},
             {"self.m.map(k, k)", "[\"a\",\"b\"]"},
             {"self.t.map(t, t.w).sum()", "3"},
             {"self.t.all(a, self.t.exists(b, b.n == a.n && b.w <= 2))", "true"},
             {"has(self.m.a) && !has(self.m.c)", "true"},
             {"size(self.l) + self.m.size() + size('äö')", "7"},
             {"self.l.max() - self.l.min()", "2"},
             {"self.l.isSorted() && !['b', 'a'].isSorted()", "true"},
             {"self.l.indexOf(3)", "2"},
             {"[1, 1].lastIndexOf(1)", "1"},
             {"sets.contains([1, 2], [2]) && sets.intersects([1], [1]) && sets.equivalent([1, 2], [2, 1, 1])", "true"}},
            self);
}

TEST(Cel, HasTheStringLibrary) {
  expectAll({{"'hello'.startsWith('he') && 'hello'.endsWith('lo') && 'hello'.contains('ell')", "true"},
             {"'abc'.matches('^[a-c]+$')", "true"},
             {"matches('abd', '^[a-c]+$')", "false"},
             {"'a/b/c'.split('/')", "[\"a\",\"b\",\"c\"]"},
             {"'a/b/c'.split('/', 2)", "[\"a\",\"b/c\"]"},
             {"'äb'.split('')", "[\"ä\",\"b\"]"},
             {"['a', 'b'].join('-') + ['c'].join()", "\"a-bc\""},
             {"'AbC'.lowerAscii() + 'AbC'.upperAscii()", "\"abcABC\""},
             {"'  x '.trim()", "\"x\""},
             {"'äbc'.indexOf('c')", "2"},
             {"'abab'.lastIndexOf('ab')", "2"},
             {"'abab'.indexOf('ab', 1)", "2"},
             {"'abab'.replace('ab', 'x')", "\"xx\""},
             {"'abab'.replace('ab', 'x', 1)", "\"xab\""},
             {"'ab'.replace('', '_')", "\"_a_b_\""},
             {"'äbcd'.substring(1, 3)", "\"bc\""},
             {"'abc'.substring(2)", "\"c\""},
             {"'abc'.substring(4)", "error: index out of range: 4"},
             {"'äb'.charAt(0)", "\"ä\""},
             {"'a1b22'.find('[0-9]+')", "\"1\""},
             {"'a1b22'.findAll('[0-9]+')", "[\"1\",\"22\"]"},
             {"'%s is %d, %.2f%%'.format(['x', 3, 1.5])", "\"x is 3, 1.50%\""}});
}

TEST(Cel, Converts) {
  expectAll({{"int('42') + int(1.9) + int(2u)", "45"},
             {"double('1.5') + double(1)", "2.5"},
             {"string(1) + string(true) + string(1.5) + string(duration('90s'))", "\"1true1.590s\""},
             {"bool('true')", "true"},
             {"type(1) == int && type('a') == string && type([]) == list", "true"},
             {"uint(3) == 3u", "true"},
             {"timestamp('2024-01-02T03:04:05Z').getFullYear()", "2024"},
             {"timestamp('2024-01-02T03:04:05Z').getHours('+02:00')", "5"},
             {"timestamp('2024-01-02T03:04:05Z').getDayOfWeek()", "2"},
             {"timestamp('2024-01-02T00:00:00Z') + duration('1h') == timestamp('2024-01-02T01:00:00Z')", "true"},
             {"timestamp('2024-01-02T00:00:00Z') - timestamp('2024-01-01T00:00:00Z') == duration('24h')", "true"},
             {"duration('90m').getHours()", "1"},
             {"duration('-1m') < duration('1s')", "true"}});
}

TEST(Cel, KnowsQuantitiesUrlsAndOptionals) {
  expectAll(
      {{"quantity('1500m').compareTo(quantity('1.5'))", "0"},
       {"quantity('1Gi').isGreaterThan(quantity('1G'))", "true"},
       {"quantity('50k').add(quantity('1')).asInteger()", "50001"},
       {"quantity('1e3') == quantity('1k') && isQuantity('5Ti') && !isQuantity('5x') && !isQuantity('1e--1')", "true"},
       {"url('https://a.example:80/p?x=1&x=2').getHost()", "\"a.example:80\""},
       {"url('https://a.example:80/p?x=1&x=2').getQuery().x", "[\"1\",\"2\"]"},
       {"url('https://a.example:80/p').getHostname() + url('/p').getEscapedPath()", "\"a.example/p\""},
       {"isURL('https://a') && !isURL('a b')", "true"},
       {"self.?a.orValue(3)", "3"},
       {"optional.of(1).hasValue() && !optional.none().hasValue()", "true"},
       {"self.?a.?b.orValue('none')", "\"none\""},
       {"has(optional.of({'a': {'b': 1}}).a) && optional.of({'a': {'b': 1}}).a.b.value() == 1", "true"}});
}

TEST(Cel, RefusesWhatDoesNotParse) {
  expectAll(
      {{"1 +", "ERROR: <input>:1:4: Syntax error: expected an expression, found the end"},
       {"(1", "ERROR: <input>:1:3: Syntax error: expected ')', found the end"},
       {"'a", "ERROR: <input>:1:1: Syntax error: the string that starts here is not closed"},
       {"a # b", "ERROR: <input>:1:3: Syntax error: token recognition error at: '#'"},
       {"self.namespace", "ERROR: <input>:1:6: Syntax error: 'namespace' is a reserved word; write __namespace__"},
       {"has(self)", "ERROR: <input>:1:1: invalid argument to has() macro"},
       {"9223372036854775808", "ERROR: <input>:1:1: invalid int literal"},
       {"self.all(1, true)", "ERROR: <input>:1:10: argument must be a simple name"}});
  EXPECT_NE(eval(std::string(5000, '(')).find("nested too deeply"), std::string::npos);
  EXPECT_NE(eval(std::string(5000, '!') + "true").find("nested too deeply"), std::string::npos);
  EXPECT_NE(eval(std::string(5000, '-') + "1").find("nested too deeply"), std::string::npos);
  std::string sum = "1";
  for (int i = 0; i < 5000; ++i) {
    sum += "+1";
  }
  EXPECT_NE(eval(sum).find("nested too deeply"), std::string::npos);
}

TEST(Cel, ChecksNamesAndTypesBeforeItRuns) {
  auto item = std::make_shared<Type>();
  item->kind = Kind::Object;
  item->fields = {{"name", "name", simpleType(Kind::String)}, {"a__dash__b", "a-b", simpleType(Kind::Int)}};
  auto self = std::make_shared<Type>();
  self->kind = Kind::Object;
  self->fields = {
      {"items", "items", listOf(item)}, {"n", "n", simpleType(Kind::Int)}, {"m", "m", mapOf(simpleType(Kind::String))}};
  const auto compiled = [&](std::string_view text) {
    auto program = compile(text, {{"self", self}});
    const std::string message = program ? "ok " + (*program)->type().text() : program.status().message();
    return message.substr(0, message.find('\n'));
  };
  EXPECT_EQ(compiled("self.items.all(i, i.name != '' && i.a__dash__b > 0)"), "ok bool");
  EXPECT_EQ(compiled("self.items.map(i, i.a__dash__b)"), "ok list(int)");
  EXPECT_EQ(compiled("self.m.x"), "ok string");
  EXPECT_EQ(compiled("other"), "ERROR: <input>:1:1: undeclared reference to 'other' (in container '')");
  EXPECT_EQ(compiled("self.bogus"), "ERROR: <input>:1:5: undefined field 'bogus'");
  EXPECT_EQ(compiled("self.items[0].bogus == 1"), "ERROR: <input>:1:14: undefined field 'bogus'");
  EXPECT_EQ(compiled("self.items.all(i, i.nam == '')"), "ERROR: <input>:1:20: undefined field 'nam'");
  EXPECT_EQ(compiled("self.n.nope()"), "ERROR: <input>:1:7: undeclared reference to 'nope' (in container '')");
  EXPECT_EQ(compiled("self.n + 'a'"),
            "ERROR: <input>:1:8: found no matching overload for '_+_' applied to '(int, string)'");
  EXPECT_EQ(compiled("self.n == 'a'"),
            "ERROR: <input>:1:8: found no matching overload for '_==_' applied to '(int, string)'");
  EXPECT_EQ(compiled("self.n < 'a'"),
            "ERROR: <input>:1:8: found no matching overload for '_<_' applied to '(int, string)'");
  EXPECT_EQ(compiled("self.n && true"),
            "ERROR: <input>:1:8: found no matching overload for '_&&_' applied to '(int, bool)'");
  EXPECT_EQ(compiled("self.n.startsWith('a')"),
            "ERROR: <input>:1:7: found no matching overload for 'startsWith' applied to 'int.(string)'");
  EXPECT_EQ(compiled("self.n.x"), "ERROR: <input>:1:7: type 'int' does not support field selection");
  EXPECT_EQ(compiled("self.n.all(x, true)").substr(0, 22), "ERROR: <input>:1:5: ex");
  EXPECT_EQ(compiled("self.items.all(i, i.name)"), "ERROR: <input>:1:20: expected type 'bool' but found 'string'");
  EXPECT_EQ(compiled("self.m.x.matches('(')").substr(0, 50), "ERROR: <input>:1:18: invalid matches argument: mis");
  EXPECT_NE(compile("self.bogus", {{"self", self}}).status().message().find("\n | self.bogus\n | ....^"),
            std::string::npos);
}

TEST(Cel, StopsWhatCostsTooMuch) {
  std::string numbers = "[";
  for (int i = 0; i < 2000; ++i) {
    numbers += (i == 0 ? "" : ",") + std::to_string(i);
  }
  numbers += "]";
  EXPECT_EQ(eval("self.all(a, self.all(b, self.all(c, a + b + c >= 0)))", numbers),
            "error: operation cancelled: actual cost limit exceeded");
  const std::string big = "{\"s\":\"" + std::string(200'000, 'x') + "\"}";
  EXPECT_EQ(eval("[1,2,3,4,5,6,7,8,9].map(i, self.s.replace('x', 'yyyyyyyyyyyyyyyyyyyy')).size() > 0", big),
            "error: operation cancelled: actual cost limit exceeded");
  EXPECT_EQ(eval("self.s.replace('', self.s)", big), "error: operation cancelled: actual cost limit exceeded");
  EXPECT_EQ(eval("self.s.matches('(x+x+)+y')", big).substr(0, 5), "false");
}

TEST(Cel, BindsSeveralVariables) {
  auto program = compile("result > threshold && (previous.hasValue() ? previous.value() < result : true)",
                         {{"result", simpleType(Kind::Double)},
                          {"threshold", simpleType(Kind::Dyn)},
                          {"previous", optionalOf(simpleType(Kind::Double))}});
  ASSERT_TRUE(program) << program.status().message();
  const Json result(2);
  const Json threshold(1.5);
  const Json previous(3.0);
  std::uint64_t cost = 0;
  EXPECT_EQ((*program)->evaluate({&result, &threshold, nullptr}, kDefaultCost, &cost)->dump(), "true");
  EXPECT_GT(cost, 0U);
  EXPECT_EQ((*program)->evaluate({&result, &threshold, &previous})->dump(), "false");
  EXPECT_EQ((*program)->evaluate({nullptr, &threshold, &previous}).code(), Code::Invalid);
  EXPECT_EQ((*program)->evaluate({}).code(), Code::Internal);
}

TEST(Cel, EscapesNamesAsKubernetesDoes) {
  EXPECT_EQ(escapeName("namespace"), "__namespace__");
  EXPECT_EQ(escapeName("a-b.c/d"), "a__dash__b__dot__c__slash__d");
  EXPECT_EQ(escapeName("a__b"), "a__underscores__b");
  EXPECT_EQ(escapeName("plain_1"), "plain_1");
  EXPECT_EQ(escapeName("1a"), "");
  EXPECT_EQ(escapeName("a b"), "");
}

}  // namespace
}  // namespace slipway::cel
