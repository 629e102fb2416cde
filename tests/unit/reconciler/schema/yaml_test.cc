#include "reconciler/schema/yaml.h"

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"

namespace slipway::schema {
namespace {

std::string read(std::string_view text) {
  Result<std::vector<YamlDocument>> documents = parseYaml(text);
  if (!documents) {
    return documents.status().message();
  }
  std::string out;
  for (const YamlDocument& document : *documents) {
    out += (out.empty() ? "" : " | ") + document.value.dump();
  }
  return out;
}

TEST(Yaml, ReadsMapsListsAndScalars) {
  EXPECT_EQ(read("a: 1\nb:\n- x\n- {c: d, e: [1, two]}\nf: null\ng:\n"),
            R"({"a":1,"b":["x",{"c":"d","e":[1,"two"]}],"f":null,"g":null})");
  EXPECT_EQ(read("text: |\n  one\n  two\nfolded: >-\n  one\n  two\n"), R"({"text":"one\ntwo\n","folded":"one two"})");
}

TEST(Yaml, ReadsEveryDocumentAndSkipsEmptyOnes) {
  EXPECT_EQ(read("---\na: 1\n---\n# nothing\n---\n{\"b\":\n\t2}\n...\n---\n[c]\n"), R"({"a":1} | {"b":2} | ["c"])");
  EXPECT_EQ(read(""), "");
  EXPECT_EQ(read("# only a remark\n"), "");
}

TEST(Yaml, DecidesScalarsAsKubernetesDoes) {
  const std::vector<std::pair<std::string, std::string>> cases{{"true", "true"},
                                                               {"True", "true"},
                                                               {"yes", "true"},
                                                               {"off", "false"},
                                                               {"~", "null"},
                                                               {"Null", "null"},
                                                               {"12", "12"},
                                                               {"-7", "-7"},
                                                               {"+7", "7"},
                                                               {"0x1F", "31"},
                                                               {"0o17", "15"},
                                                               {"0777", "511"},
                                                               {"08", "8"},
                                                               {"0b101", "5"},
                                                               {"1_000", "1000"},
                                                               {"1.5", "1.5"},
                                                               {"1.0", "1"},
                                                               {"1e3", "1000"},
                                                               {".5", "0.5"},
                                                               {"1.", "1"},
                                                               {"\"1\"", "\"1\""},
                                                               {"'true'", "\"true\""},
                                                               {"2024-01-02", "\"2024-01-02\""},
                                                               {"1.2.3", "\"1.2.3\""},
                                                               {"12:30", "\"12:30\""},
                                                               {"9223372036854775807", "9223372036854775807"},
                                                               {"-9223372036854775808", "-9223372036854775808"},
                                                               {"0x", "\"0x\""},
                                                               {"-", "\"-\""},
                                                               {"tru", "\"tru\""},
                                                               {"truely", "\"truely\""},
                                                               {"1e", "\"1e\""},
                                                               {"v1", "\"v1\""},
                                                               {"10.0.0.1", "\"10.0.0.1\""}};
  for (const auto& [text, expected] : cases) {
    if (text != "-") {
      EXPECT_EQ(read("[" + text + "]"), "[" + expected + "]") << text;
    }
  }
  EXPECT_EQ(read("a: .inf"), "line 1, column 4: number .inf has no JSON form; write it in quotes if a text is meant");
}

TEST(Yaml, NamesLineAndColumnOfMistakes) {
  EXPECT_EQ(read("a: 1\nb: c: d\n"), "line 2, column 5: illegal map value");
  EXPECT_EQ(read("a: 1\n---\nb: [1, 2\n"), "line 4, column 1: end of sequence flow not found");
  EXPECT_EQ(read("a: b\nc\n"), "line 2, column 1: ':' is missing after this key");
  EXPECT_EQ(read("- a\nb: c\n").substr(0, 17), "line 2, column 1:");
  EXPECT_EQ(read("a: [1,,2]"), "line 1, column 7: an element is missing in front of ','");
  EXPECT_EQ(read("'a' b").substr(0, 17), "line 1, column 5:");
  EXPECT_EQ(read(": b"), "line 1, column 1: a key is missing in front of ':'");
  EXPECT_EQ(read("a:\n\t- b\n").substr(0, 7), "line 2,");
}

TEST(Yaml, RefusesAnUnterminatedQuote) {
  for (const char* text : {"\"open", "'open", "a: \"open\nb: 1\n", "a: 'x'\nb: 'open\n", "- 'it''s open\n",
                           "a: &x \"open", "\"ends with escape\\\""}) {
    EXPECT_EQ(parseYaml(text).code(), Code::Invalid) << text;
  }
  EXPECT_EQ(read("\"open"), "line 1, column 1: a quoted text that starts here or behind is not closed");
  EXPECT_EQ(read("a: &x 'it''s'"), R"({"a":"it's"})");
}

TEST(Yaml, RefusesTagsMergeKeysDirectivesAndOddKeys) {
  EXPECT_NE(read("a: !!str 1").find("line 1, column 4: tags (tag:yaml.org,2002:str) are not supported"),
            std::string::npos);
  EXPECT_NE(read("a: ! x").find("tags (!) are not supported"), std::string::npos);
  EXPECT_NE(read("a: !!map {}").find("not supported"), std::string::npos);
  EXPECT_EQ(read("a: &x {b: 1}\nc:\n  <<: *x\n"),
            "line 3, column 3: merge keys (<<) are not supported; write the fields out");
  EXPECT_EQ(read("'<<': 1"), R"({"<<":1})");
  EXPECT_NE(read("%YAML 1.1\n---\na: 1\n").find("directives"), std::string::npos);
  EXPECT_EQ(read("yes: 1"), "line 1, column 1: key yes means true in YAML; write it in quotes");
  EXPECT_EQ(read("1.5: 1"), "line 1, column 1: this key is not a string; write it in quotes");
  EXPECT_EQ(read("8080: x"), R"({"8080":"x"})");
  EXPECT_NE(read("[a]: 1").find("cannot be a key"), std::string::npos);
}

TEST(Yaml, KeepsPositionsAndDuplicatesByPath) {
  Result<std::vector<YamlDocument>> documents =
      parseYaml("# remark\n\nspec:\n  build:\n  - run: x\n    run: z\n  build2: {a: 1}\nspec2: 3\n");
  ASSERT_TRUE(documents) << documents.status().toString();
  const YamlDocument& document = documents->front();
  EXPECT_EQ(document.line, 3U);
  EXPECT_EQ(document.positions.at("spec").line, 3U);
  EXPECT_EQ(document.positions.at("spec.build[0]").line, 5U);
  EXPECT_EQ(document.positions.at("spec.build[0].run").line, 6U);
  EXPECT_EQ(document.positions.at("spec.build2.a").column, 12U);
  EXPECT_EQ(document.positions.at("spec2").line, 8U);
  EXPECT_EQ(document.duplicates, std::vector<std::string>{"spec.build[0].run"});
  EXPECT_EQ(document.value.at({"spec", "build"})->asArray()[0].getString("run"), "z");
}

TEST(Yaml, ReadsJsonWithTabsAndKeepsItsPositions) {
  Result<std::vector<YamlDocument>> documents =
      parseYaml("{\n\t\"a\": {\n\t\t\"b\": [1, \"x\\u00e9\\ud83d\\ude00\\n\"],\n\t\t\"b\": 2.5\n\t}\n}\n");
  ASSERT_TRUE(documents) << documents.status().toString();
  EXPECT_EQ(documents->front().value.dump(), R"({"a":{"b":2.5}})");
  EXPECT_EQ(documents->front().positions.at("a.b").line, 4U);
  EXPECT_EQ(documents->front().positions.at("a.b[1]").column, 12U);
  EXPECT_EQ(documents->front().duplicates, std::vector<std::string>{"a.b"});
  EXPECT_EQ(read("{\n\t\"a\": 1,\n\t\"b\" 2\n}"), "line 3, column 6: expected ':' after the field name, found '2'");
  EXPECT_EQ(read("{\"a\": 1"), "line 1, column 8: expected ',' or '}', found the end of the text");
  EXPECT_EQ(read("{\"a\": \"x\\ud800\"}"), "line 1, column 15: half of a surrogate pair in a string");
  EXPECT_EQ(read("[\"\\u00e9\\ud83d\\ude00\\t\", 1e2, -0.5]"), "[\"é😀\\t\",100,-0.5]");
  EXPECT_EQ(read("{a: b, c: [d]}"), R"({"a":"b","c":["d"]})");
}

TEST(Yaml, ExpandsAliasesWithinBounds) {
  EXPECT_EQ(read("a: &x {b: [1]}\nc: *x\nd: &s text\n*s : e\n"),
            R"({"a":{"b":[1]},"c":{"b":[1]},"d":"text","text":"e"})");
  EXPECT_NE(read("a: &x [*x]").find("line 1, column 8: this alias stands inside the value"), std::string::npos);
  EXPECT_EQ(parseYaml("a: *nowhere").code(), Code::Invalid);
}

TEST(Yaml, StopsAliasBombs) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 10; ++k) {
      bomb += "," + before;
    }
    bomb += "]\n";
  }
  EXPECT_NE(read(bomb).find("aliases multiply"), std::string::npos) << read(bomb);
  std::string large = "a: &a " + std::string(1'000'000, 'x') + "\nl:\n";
  for (int i = 0; i < 500; ++i) {
    large += "- *a\n";
  }
  EXPECT_NE(read(large).find("aliases multiply"), std::string::npos);
}

TEST(Yaml, BoundsBytesDepthAndNodes) {
  std::string large;
  large.resize(10'000'000, 'a');
  EXPECT_EQ(parseYaml(large).code(), Code::Invalid);
  EXPECT_EQ(parseYaml(std::string(1'000'000, '[')).code(), Code::Invalid);
  EXPECT_EQ(parseYaml("a: " + std::string(1'000'000, '[')).code(), Code::Invalid);
  EXPECT_EQ(parseYaml("a: " + std::string(100, '[') + std::string(100, ']')).code(), Code::Invalid);
  EXPECT_TRUE(parseYaml("a: " + std::string(60, '[') + std::string(60, ']')));
  EXPECT_TRUE(parseYaml(std::string(64, '[') + std::string(64, ']')));
  EXPECT_NE(read(std::string(65, '[') + std::string(65, ']')).find("nested deeper than 64 levels"), std::string::npos);
  std::string deep;
  for (int i = 0; i < 70; ++i) {
    deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  }
  EXPECT_NE(read(deep).find("nested deeper"), std::string::npos);
  std::string many;
  for (int i = 0; i < 100'001; ++i) {
    many += "- 1\n";
  }
  EXPECT_NE(read(many).find("more than 100000 values"), std::string::npos);
  EXPECT_NE(read("[" + std::string(500'000, ',') + "]").find("line 1"), std::string::npos);
}

TEST(Yaml, ManyKeysAreNotQuadratic) {
  std::string text;
  for (int i = 0; i < 90'000; ++i) {
    text += "k" + std::to_string(i) + ": 1\n";
  }
  EXPECT_TRUE(parseYaml(text));
  std::string twice;
  for (int i = 0; i < 90'000; ++i) {
    twice += "k: 1\n";
  }
  EXPECT_NE(read(twice).find("given twice"), std::string::npos);
}

TEST(Yaml, RefusesWhatIsNotText) {
  EXPECT_NE(read("a: \xff").find("line 1: this is not UTF-8 text"), std::string::npos);
  EXPECT_EQ(parseYaml(std::string_view("a: b\x04 c: d")).code(), Code::Invalid);
  EXPECT_EQ(parseYaml(std::string_view("a: b\0c", 6)).code(), Code::Invalid);
  EXPECT_EQ(parseYaml("a: \xed\xa0\x80").code(), Code::Invalid);
  EXPECT_EQ(read("\xef\xbb\xbf"
                 "a: é\r\nb: 2\r\n"),
            R"({"a":"é","b":2})");
}

TEST(Yaml, WritesWhatReadsBackTheSame) {
  for (
      const char* text :
      {R"({"a":1,"b":[1,"x",{"c":null,"d":{}}],"e":[],"f":[[1,2],[]],"g":{"h":{"i":true}},"j":1.5})",
       R"(["true","123","no","1e3","0x1f","","~","null","- a","a: b","a #b","#a","é","x\ny\n","x\ny"," lead","trail "])",
       R"({"k: v":1,"12":"12","yes":"y","multi":"a\n\n  b\n\n\n","tab":"a\tb","esc":"\u001b\"\\","long":":","q":"'"})",
       R"(["2024-01-02","12:30:45","10.0.0.1","--flag","-","<<","=","@x","`x","%x","&x","*x","!x","|","{}","[]","a,b"])",
       R"({"lit":"#!/bin/sh\nset -e\necho \"$1\"\n","lit2":"a\n b\n","ctl":"a\r\nb","blank":"a\n \nb","n":"\n","nn":"a\n\n"})",
       "\"x\"", "12", "null", "{}", "[]", "\"a\\nb\\n\""}) {
    const Json value = *parseJson(text);
    const std::string yaml = toYaml(value);
    Result<std::vector<YamlDocument>> back = parseYaml(yaml);
    ASSERT_TRUE(back) << back.status().message() << "\n" << yaml;
    if (value.isNull()) {
      EXPECT_TRUE(back->empty());
      continue;
    }
    ASSERT_EQ(back->size(), 1U) << yaml;
    EXPECT_EQ(back->front().value.dump(), value.dump()) << yaml;
  }
  EXPECT_EQ(toYaml(*parseJson(R"({"a":{"b":[{"c":1,"d":["x"]},"true"]},"e":"l1\nl2\n"})")),
            "a:\n  b:\n  - c: 1\n    d:\n    - x\n  - \"true\"\ne: |\n  l1\n  l2\n");
}

}  // namespace
}  // namespace slipway::schema
