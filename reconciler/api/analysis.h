#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"

namespace slipway {

class FieldReader;

// What the texts of a template may name as {{args.NAME}}.
struct AnalysisArg {
  std::string name;
  std::optional<std::string> value;  // nothing: the Release has to give one
  bool operator==(const AnalysisArg&) const = default;
};

struct PrometheusProvider {
  std::string address;
  std::string query;
  std::string samples;  // query; empty: samples are not counted
  bool operator==(const PrometheusProvider&) const = default;
};

struct HttpProvider {
  std::string url;
  std::string method = "GET";
  std::map<std::string, std::string> headers;
  std::string body;
  std::string value;    // path into the answer: "$.data.rate"
  std::string samples;  // likewise; empty: samples are not counted
  bool operator==(const HttpProvider&) const = default;
};

enum class CommandServers { First, All };

struct CommandProvider {
  std::string run;
  CommandServers servers = CommandServers::First;
  bool operator==(const CommandProvider&) const = default;
};

enum class NoData { Fail, Pass, WaitFor };

// One metric of a template. Exactly one of the providers is set.
struct AnalysisMetric {
  std::string name;
  std::optional<PrometheusProvider> prometheus;
  std::optional<HttpProvider> http;
  std::optional<CommandProvider> command;
  Duration initialDelay{0};
  Duration interval = std::chrono::seconds(30);
  int count = 1;
  Duration timeout = std::chrono::seconds(10);
  std::string successCondition;  // CEL over `result`; one of the two is set
  std::string failureCondition;
  int minSamples = 1;
  NoData noData = NoData::WaitFor;
  std::optional<Duration> waitFor;
  int failureLimit = 0;
  int inconclusiveLimit = 0;
  int consecutiveErrorLimit = 4;
  bool operator==(const AnalysisMetric&) const = default;

  Duration waitForData() const { return waitFor.value_or(std::chrono::minutes(5)); }
  // Whether each measurement says on how many samples it is based.
  bool countsSamples() const;
};

struct AnalysisTemplateSpec {
  std::vector<AnalysisArg> args;
  std::vector<AnalysisMetric> metrics;
  bool operator==(const AnalysisTemplateSpec&) const = default;
};

// What a step of a Release asks for: all of the templates, with these values for their arguments.
struct AnalysisUse {
  std::vector<std::string> templates;
  std::vector<AnalysisArg> args;
  bool operator==(const AnalysisUse&) const = default;
};

// What one measurement came to. Only Successful, Failed and Inconclusive are judgements of a number.
enum class MeasurementResult { Successful, Failed, Inconclusive, NoData, Error };
std::string_view resultName(MeasurementResult result);

// One measurement as it is kept in a run's record.
struct MeasurementRecord {
  std::string at;
  std::string result;   // resultName
  std::string value;    // the number, or "[1, 2]"
  std::string message;  // why, where there is no judgement
  bool operator==(const MeasurementRecord&) const = default;
};

// What a metric came to so far.
struct MetricRecord {
  std::string name;     // "<template>/<metric>"
  std::string verdict;  // Successful, Failed, Inconclusive; empty: it goes on
  std::string message;
  int started = 0;   // measurements that were started: part of the operation id
  int measured = 0;  // those that count against `count`
  int successful = 0;
  int failed = 0;
  int inconclusive = 0;
  int noData = 0;
  int errors = 0;
  int consecutiveErrors = 0;
  std::int64_t nextMs = 0;              // due when the analysis is so old
  std::int64_t noDataSinceMs = -1;      // since when it waits for data; -1: it does not
  std::vector<MeasurementRecord> last;  // newest last, at most kKeptMeasurements
  bool operator==(const MetricRecord&) const = default;
};
inline constexpr std::size_t kKeptMeasurements = 10;

// What an analysis step came to. Its time is steady time in which the run really waited for it: neither a crash nor a
// jump of the wall clock changes the judgement.
struct AnalysisRecord {
  std::string verdict;  // Successful, Failed, Inconclusive; empty: it goes on. Never changes once it is there.
  std::string message;
  std::string at;  // when it was reached
  std::string startedAt = {};
  int round = 1;  // one more each time a person had it begin anew
  std::int64_t elapsedMs = 0;
  std::vector<MetricRecord> metrics = {};
  bool operator==(const AnalysisRecord&) const = default;
};

Result<AnalysisTemplateSpec> analysisTemplateFromJson(const Json& object);
// From a template's spec.
void readAnalysisTemplate(const Json* json, AnalysisTemplateSpec& out, FieldReader& parent);
Json toJson(const AnalysisTemplateSpec& spec);
void readAnalysisUse(const Json* json, const std::string& path, AnalysisUse& out, FieldReader& parent);
Json toJson(const AnalysisUse& use);
void readAnalyses(const Json* json, std::map<std::string, AnalysisRecord>& out);
Json toJson(const AnalysisRecord& record);

}  // namespace slipway
