#include "reconciler/analysis/template_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/analysis/placeholders.h"
#include "reconciler/base/strings.h"

namespace slipway::analysis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Json templateOf(const std::string& metric, const std::string& args = "[]") {
  return *parseJson(cat(R"({"apiVersion":"slipway.dev/v1alpha1","kind":"AnalysisTemplate",
      "metadata":{"name":"errors","namespace":"shop"},"spec":{"args":)",
                        args, R"(,"metrics":[{"name":"rate",)", metric, "}]}}"));
}

std::string withQuery(const std::string& rest, const std::string& query = "up") {
  return cat(R"("provider":{"prometheus":{"address":"http://p.example.org","query":)", Json(query).dump(), "}},", rest);
}

class RulesTest : public testing::Test {
 protected:
  std::vector<std::string> check(const Json& object, const Json* old = nullptr) {
    std::vector<std::string> out;
    const FindObject find = [this](const Kind& kind, const ObjectKey& key) -> std::optional<Json> {
      EXPECT_EQ(kind.kind, "AnalysisTemplate");
      const auto found = templates_.find(key.toString());
      return found == templates_.end() ? std::nullopt : std::optional(found->second);
    };
    for (const FieldProblem& problem : rules_->check(old, object, find)) {
      out.push_back(cat(problem.field, ": ", problem.message));
    }
    return out;
  }
  static Json release(const std::string& strategy) {
    return *parseJson(
        cat(R"({"apiVersion":"slipway.dev/v1alpha1","kind":"Release","metadata":{"name":"a","namespace":"shop"},
                              "spec":{"strategy":)",
            strategy, "}}"));
  }

  std::map<std::string, Json> templates_;
  std::unique_ptr<AdmissionRules> rules_ = newAdmissionRules();
};

TEST_F(RulesTest, TakesConditionsOverANumberAndOverAList) {
  for (const std::string condition :
       {"result < 0.05", "result <= 5", "result == 1.0", "result[0] > 0.9 && result[0] < 2.0", "result.all(r, r < 0.5)",
        "size(result) > 2 && result.exists(r, r > 1.0)"}) {
    EXPECT_THAT(check(templateOf(withQuery(cat(R"("successCondition":)", Json(condition).dump())))), IsEmpty())
        << condition;
  }
}

TEST_F(RulesTest, RefusesConditionsThatDoNotCompileWithTheirPath) {
  for (const std::string condition : {"result <", "result == 1", "result < 'a'", "reslt < 1.0", "result + 1.0", "true",
                                      "result.size(", "result[0].foo", "result.startsWith('a')"}) {
    const auto problems = check(templateOf(withQuery(cat(R"("failureCondition":)", Json(condition).dump()))));
    ASSERT_THAT(problems, SizeIs(1)) << condition;
    EXPECT_THAT(problems[0], HasSubstr("spec.metrics[0].failureCondition: Invalid value: "));
    EXPECT_THAT(problems[0], HasSubstr("compilation failed: "));
  }
}

TEST_F(RulesTest, RefusesArgumentsThatNobodyDeclaresWithTheFieldsPath) {
  const std::string good = R"("successCondition":"result < 1.0")";
  EXPECT_THAT(
      check(templateOf(withQuery(good, R"(rate{app="{{args.app}}",v="{{ args.version }}"})"), R"([{"name":"app"}])")),
      IsEmpty());
  EXPECT_THAT(check(templateOf(withQuery(good, "up{{other}}"))), IsEmpty()) << "other braces are none of ours";
  const auto unknown = check(templateOf(withQuery(good, "rate({{args.ap}})"), R"([{"name":"app"}])"));
  ASSERT_THAT(unknown, SizeIs(1));
  EXPECT_THAT(unknown[0], HasSubstr("spec.metrics[0].provider.prometheus.query: Invalid value: \"{{args.ap}}\""));
  EXPECT_THAT(unknown[0], HasSubstr("known are release, namespace, version, stableVersion, environment, run, app"));
  EXPECT_THAT(check(templateOf(withQuery(good, "up{{args.app"))), SizeIs(1));
  EXPECT_THAT(
      check(templateOf(cat(R"("provider":{"http":{"url":"https://a/{{args.x}}","value":"$.a","body":"{{args.y}}",
                                       "method":"POST","headers":{"X":"{{args.z}}"}}},)",
                           good))),
      ElementsAre(HasSubstr("provider.http.url"), HasSubstr("provider.http.body"),
                  HasSubstr("provider.http.headers[X]")));
}

TEST_F(RulesTest, RefusesWhatCouldNeverBeOrNeverEnd) {
  const std::string good = R"("successCondition":"result < 1.0",)";
  EXPECT_THAT(check(templateOf(withQuery(good + R"("interval":"0s")"))),
              ElementsAre(HasSubstr("spec.metrics[0].interval")));
  EXPECT_THAT(check(templateOf(withQuery(good + R"("timeout":"0s")"))),
              ElementsAre(HasSubstr("spec.metrics[0].timeout")));
  EXPECT_THAT(check(templateOf(withQuery(good + R"("timeout":"1h")"))), ElementsAre(HasSubstr("at most 10m")));
  EXPECT_THAT(check(templateOf(withQuery(good + R"("minSamples":5,"count":3)"))),
              ElementsAre(HasSubstr("spec.metrics[0].minSamples: Invalid value: 5: there are only 3")));
  EXPECT_THAT(check(templateOf(R"("provider":{"prometheus":{"address":"http://me:secret@p","query":"up"}},
                                  "successCondition":"result < 1.0")")),
              ElementsAre("spec.metrics[0].provider.prometheus.address: Invalid value: takes no user or password: send "
                          "them as a header"));
}

TEST_F(RulesTest, RefusesAReleaseThatNamesATemplateThatIsNotThere) {
  const std::string canary = R"({"canary":{"steps":[{"setWeight":5},{"analysis":{"templates":["errors","gone"]}}]}})";
  templates_["shop/errors"] = templateOf(withQuery(R"("successCondition":"result < 1.0")"));
  templates_["other/gone"] = templates_["shop/errors"];
  const auto problems = check(release(canary));
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0], HasSubstr("spec.strategy.canary.steps[1].analysis.templates[1]: Not found: \"gone\""));
  const Json before = release(canary);
  EXPECT_THAT(check(before, &before), IsEmpty()) << "a template that went away keeps nobody from asking for an abort";
  EXPECT_THAT(check(release(R"({"blueGreen":{"prePromotionAnalysis":{"templates":["a"]},
                                             "postPromotionAnalysis":{"templates":["b"]}}})")),
              ElementsAre(HasSubstr("spec.strategy.blueGreen.prePromotionAnalysis.templates[0]"),
                          HasSubstr("spec.strategy.blueGreen.postPromotionAnalysis.templates[0]")));
}

TEST_F(RulesTest, ChecksTheArgumentsThatAReleaseGives) {
  templates_["shop/errors"] =
      templateOf(withQuery(R"("successCondition":"result < 1.0")"), R"([{"name":"job"},{"name":"limit","value":"5"}])");
  const auto with = [](const std::string& args) {
    return release(cat(R"({"canary":{"steps":[{"analysis":{"templates":["errors"],"args":)", args, "}}]}}"));
  };
  EXPECT_THAT(check(with(R"([{"name":"job","value":"shop"}])")), IsEmpty());
  EXPECT_THAT(
      check(with("[]")),
      ElementsAre("spec.strategy.canary.steps[0].analysis.args: Required value: AnalysisTemplate 'errors' takes "
                  "the argument job"));
  EXPECT_THAT(check(with(R"([{"name":"job","value":"a"},{"name":"jb","value":"b"}])")),
              ElementsAre(HasSubstr("spec.strategy.canary.steps[0].analysis.args[1].name: Invalid value: \"jb\"")));
}

TEST(Placeholders, AreFilledInAsTheyAre) {
  const std::map<std::string, std::string> args{{"a", "1"}, {"b-c", "{{args.a}}"}};
  EXPECT_EQ(fillIn("x{{args.a}}y{{ args.b-c }}z{{q}}{{args.none}}", args), "x1y{{args.a}}z{{q}}");
  EXPECT_EQ(fillIn("", args), "");
  EXPECT_EQ(fillIn("{{args.", args), "{{args.");
}

}  // namespace
}  // namespace slipway::analysis
