#include "reconciler/analysis/analyst.h"

#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fakes/fake_provider.h"

namespace slipway::analysis {
namespace {

using ::testing::HasSubstr;

// Gives the answers one after another; keeps what was asked.
class ScriptedHttp final : public HttpClient {
 public:
  void send(HttpClientRequest request, std::function<void(Result<HttpClientResponse>)> done) override {
    asked.push_back(std::move(request));
    Result<HttpClientResponse> answer = std::move(answers.front());
    answers.pop_front();
    done(std::move(answer));
  }
  void connect(const std::string&, int, Duration, std::function<void(Status)> done) override { done(Status::ok()); }

  std::deque<Result<HttpClientResponse>> answers;
  std::vector<HttpClientRequest> asked;
};

class AnalystTest : public testing::Test {
 protected:
  std::string measure(const AnalysisMetric& metric, std::vector<StepRequest> servers = {}) {
    analyst_->measure({metric, {{"version", "2.0.0"}, {"job", "a b"}}, std::move(servers)},
                      [this](Measurement measurement) { seen_ = std::move(measurement); });
    return told();
  }
  std::string told() const {
    return cat(resultName(seen_.result), seen_.value.empty() ? "" : " ", seen_.value, seen_.message.empty() ? "" : " ",
               seen_.message.substr(0, seen_.message.find(':')));
  }
  std::string prometheus(const std::string& result, const std::string& condition = "result < 0.5") {
    http_.answers = {HttpClientResponse{200, cat(R"({"status":"success","data":)", result, "}")}};
    return measure(query(condition));
  }
  std::string json(const std::string& body, const std::string& path = "$.a",
                   const std::string& condition = "result < 0.5", int status = 200) {
    http_.answers = {HttpClientResponse{status, body}};
    AnalysisMetric metric;
    metric.http = HttpProvider{.url = "https://a/{{args.version}}", .value = path};
    metric.successCondition = condition;
    return measure(metric);
  }
  static AnalysisMetric query(const std::string& condition) {
    AnalysisMetric metric;
    metric.prometheus = PrometheusProvider{"http://p:9090/", "rate({v=\"{{args.version}}\"}[1m])", ""};
    metric.successCondition = condition;
    return metric;
  }
  static std::string vector(const std::string& values) {
    return cat(R"({"resultType":"vector","result":[)", values, "]}");
  }

  ScriptedHttp http_;
  FakeProvider provider_;
  FakeClock clock_;
  std::unique_ptr<Analyst> analyst_ = newAnalyst({http_, provider_, clock_});
  Measurement seen_;
};

const char* const kOne = R"({"metric":{},"value":[1,"0.25"]})";
const char* const kTwo = R"({"metric":{"a":"b"},"value":[1,"0.25"]},{"metric":{"a":"c"},"value":[1,"0.75"]})";

TEST_F(AnalystTest, AsksPrometheusForAnInstantVector) {
  EXPECT_EQ(prometheus(vector(kOne)), "Successful [0.25]");
  EXPECT_EQ(http_.asked[0].url, "http://p:9090/api/v1/query?query=rate%28%7Bv%3D%222.0.0%22%7D%5B1m%5D%29");
  EXPECT_EQ(http_.asked[0].timeout, std::chrono::seconds(10));
  EXPECT_EQ(prometheus(R"({"resultType":"scalar","result":[1,"0.75"]})"), "Failed 0.75");
}

TEST_F(AnalystTest, JudgesAVectorByAConditionOverAList) {
  EXPECT_EQ(prometheus(vector(kTwo), "result.all(r, r < 0.8)"), "Successful [0.25, 0.75]");
  EXPECT_EQ(prometheus(vector(kTwo), "result[1] < 0.5"), "Failed [0.25, 0.75]");
  EXPECT_EQ(prometheus(vector(kOne), "result[0] < 0.5"), "Successful [0.25]");
  EXPECT_EQ(prometheus(vector(kTwo), "result < 0.5"), "Error [0.25, 0.75] Condition") << "one number was expected";
  EXPECT_EQ(prometheus(vector(kOne), "result[3] < 0.5"), "Error [0.25] Condition");
}

TEST_F(AnalystTest, CountsNothingAsASuccessThatIsNoFiniteNumber) {
  // `result < 0.5` would hold for -Inf; with a failureCondition alone whatever does not fail would succeed.
  EXPECT_EQ(prometheus(vector("")), "NoData EmptyVector");
  EXPECT_EQ(prometheus(vector(R"({"value":[1,"NaN"]})")), "NoData NaN");
  EXPECT_EQ(prometheus(vector(R"({"value":[1,"-Inf"]})")), "Error NotFinite");
  EXPECT_EQ(prometheus(vector(R"({"value":[1,"+Inf"]})")), "Error NotFinite");
  EXPECT_EQ(prometheus(vector(R"({"value":[1,"0.1"]},{"value":[1,"NaN"]})"), "result.all(r, r < 0.5)"), "NoData NaN");
  EXPECT_EQ(prometheus(vector(R"({"value":[1,0.1]})")), "Error NotPrometheus");
  EXPECT_EQ(prometheus(vector(R"({"value":[1,"0x1"]})")), "Error NotPrometheus");
  EXPECT_EQ(prometheus(R"({"resultType":"matrix","result":[]})"), "Error WrongType");
  EXPECT_EQ(prometheus(R"({"resultType":"string","result":[1,"0.1"]})"), "Error WrongType");
  EXPECT_EQ(prometheus("{}"), "Error NotPrometheus");
}

TEST_F(AnalystTest, TellsApartWhatKeptItFromAnAnswer) {
  for (const auto& [answer, wanted] : std::vector<std::pair<Result<HttpClientResponse>, std::string>>{
           {HttpClientResponse{500, "boom secret"}, "Error HttpStatus"},
           {HttpClientResponse{400, R"({"status":"error","error":"secret"})"}, "Error HttpStatus"},
           {HttpClientResponse{302, ""}, "Error HttpStatus"},
           {HttpClientResponse{200, "<html>secret"}, "Error NotPrometheus"},
           {Status(Code::Timeout, "no answer within 10s"), "Error Timeout"},
           {Status(Code::Unavailable, "connection refused"), "Error Unavailable"},
           {Status(Code::Denied, "its address is private"), "Error Denied"}}) {
    http_.answers = {answer};
    EXPECT_EQ(measure(query("result < 0.5")), wanted);
    EXPECT_EQ(seen_.message.find("secret"), std::string::npos) << "what was answered stays here";
  }
}

TEST_F(AnalystTest, FailureGoesFirstAndNeitherIsInconclusive) {
  AnalysisMetric metric = query("result < 0.5");
  metric.failureCondition = "result > 0.2";
  const auto judge = [&](const std::string& value) {
    http_.answers = {HttpClientResponse{
        200, cat(R"({"status":"success","data":)", vector(cat(R"({"value":[1,")", value, R"("]})")), "}")}};
    return measure(metric);
  };
  EXPECT_EQ(judge("0.3"), "Failed [0.3]");
  EXPECT_EQ(judge("0.1"), "Successful [0.1]");
  metric.failureCondition = "result > 0.9";
  EXPECT_EQ(judge("0.7"), "Inconclusive [0.7]");
  metric.successCondition.clear();
  EXPECT_EQ(judge("0.7"), "Successful [0.7]");
  EXPECT_EQ(judge("0.95"), "Failed [0.95]");
}

TEST_F(AnalystTest, TakesTooFewSamplesForNoData) {
  AnalysisMetric metric = query("result < 0.5");
  metric.prometheus->samples = "sum(requests)";
  metric.minSamples = 100;
  const auto answer = [](const std::string& value) {
    return HttpClientResponse{200,
                              cat(R"({"status":"success","data":{"resultType":"vector","result":[)", value, "]}}")};
  };
  http_.answers = {answer(kOne), answer(R"({"value":[1,"99"]})")};
  EXPECT_EQ(measure(metric), "NoData TooFewSamples");
  http_.answers = {answer(kOne), answer(R"({"value":[1,"60"]},{"value":[1,"40"]})")};
  EXPECT_EQ(measure(metric), "Successful [0.25]");
  http_.answers = {answer(kOne), answer("")};
  EXPECT_EQ(measure(metric), "NoData TooFewSamples");
  http_.answers = {answer(kOne), HttpClientResponse{500, ""}};
  EXPECT_EQ(measure(metric), "Error Samples");
}

TEST_F(AnalystTest, ReadsANumberFromAJsonAnswer) {
  EXPECT_EQ(json(R"({"a":0.25})"), "Successful 0.25");
  EXPECT_EQ(http_.asked[0].url, "https://a/2.0.0");
  EXPECT_EQ(json(R"({"data":[{"x y":{"rate":1}}]})", "$.data[0]['x y'].rate"), "Failed 1");
  EXPECT_EQ(json("0.25", "$"), "Successful 0.25");
  EXPECT_EQ(json(R"({"a":[0.1,0.2]})", "$.a", "result[1] < 0.5"), "Successful [0.1, 0.2]");
  for (const char* body : {R"({"a":null})", "{}", R"({"a":[]})", "[]"}) {
    EXPECT_THAT(json(body), testing::StartsWith("NoData")) << body;
  }
  for (const char* body : {R"({"a":"0.25"})", R"({"a":true})", R"({"a":{}})", R"({"a":[1,"2"]})", R"({"a":[[1]]})"}) {
    EXPECT_EQ(json(body), "Error WrongType") << body;
  }
  EXPECT_EQ(json(R"({"a":0.)"), "Error NotJson");
  EXPECT_EQ(json(R"({"a":0.25})", "$.a", "result < 0.5", 404), "Error HttpStatus");
}

TEST_F(AnalystTest, RunsACommandAndReadsTheLastLineItPrints) {
  AnalysisMetric metric;
  metric.command = CommandProvider{"./check {{args.version}}", CommandServers::First};
  metric.successCondition = "result == 1.0";
  StepRequest one;
  one.operationId = "a";
  one.target.name = "web1";
  one.action = VerifyStep{"2.0.0"};
  StepRequest two = one;
  two.operationId = "b";
  two.target.name = "web2";
  const auto run = [&](const std::string& output, StepResult result = {}) {
    measure(metric, {one, two});
    EXPECT_EQ(std::get<VerifyStep>(provider_.request().action).exec->run, "./check 2.0.0");
    provider_.print(output);
    provider_.answer(std::move(result));
  };
  run("checking\n1\n\n");
  EXPECT_EQ(told(), "Successful 1");
  run("");
  EXPECT_EQ(told(), "NoData NoOutput");
  run("all good\n");
  EXPECT_EQ(told(), "Error NoNumber");
  run("nan\n");
  EXPECT_EQ(told(), "NoData NaN");
  StepResult failed = StepResult::refused({Code::Unavailable, "exit"}, "check");
  failed.exitCode = 3;
  run("1\n", failed);
  EXPECT_EQ(told(), "Error CommandFailed");
  EXPECT_THAT(seen_.message, HasSubstr("exit code 3 on web1"));

  metric.command->servers = CommandServers::All;
  metric.successCondition = "result.all(r, r < 3.0)";
  measure(metric, {one, two});
  provider_.print("1\n");
  provider_.answer();
  provider_.print("2\n");
  provider_.answer();
  EXPECT_EQ(told(), "Successful [1, 2]");
  EXPECT_EQ(measure(metric), "Error NoServer");
}

}  // namespace
}  // namespace slipway::analysis
