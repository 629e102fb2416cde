#include "reconciler/api/analysis.h"

#include <array>

#include "reconciler/api/json_fields.h"
#include "reconciler/base/strings.h"

namespace slipway {
namespace {

constexpr std::array<std::string_view, 5> kResults{"Successful", "Failed", "Inconclusive", "NoData",
                                                   "Error"};  // in the enum's order
constexpr std::array<std::string_view, 3> kNoData{"Fail", "Pass", "WaitFor"};

void readArgs(const FieldReader& fields, std::vector<AnalysisArg>& out, FieldReader& parent) {
  const Json* list = fields.child("args");
  if (list == nullptr || !list->isArray()) {
    return;
  }
  for (const Json& item : list->asArray()) {
    FieldReader reader(&item, fields.pathOf("args[]"));
    AnalysisArg& arg = out.emplace_back();
    reader.read("name", arg.name);
    if (reader.child("value") != nullptr) {
      reader.read("value", arg.value.emplace());
    }
    parent.merge(reader);
  }
}

void putArgs(Json& out, const std::vector<AnalysisArg>& args) {
  for (const AnalysisArg& arg : args) {
    Json item = Json::object({{"name", arg.name}});
    if (arg.value.has_value()) {
      item["value"] = *arg.value;
    }
    out["args"].push(std::move(item));
  }
}

void readProvider(const Json* json, AnalysisMetric& out, FieldReader& parent) {
  const FieldReader provider(json, "spec.metrics[].provider");
  if (const Json* prometheus = provider.child("prometheus"); prometheus != nullptr) {
    FieldReader fields(prometheus, provider.pathOf("prometheus"));
    PrometheusProvider& into = out.prometheus.emplace();
    fields.read("address", into.address);
    fields.read("query", into.query);
    fields.read("samples", into.samples);
    parent.merge(fields);
  }
  if (const Json* http = provider.child("http"); http != nullptr) {
    FieldReader fields(http, provider.pathOf("http"));
    HttpProvider& into = out.http.emplace();
    fields.read("url", into.url);
    fields.read("method", into.method);
    fields.read("headers", into.headers);
    fields.read("body", into.body);
    fields.read("value", into.value);
    fields.read("samples", into.samples);
    parent.merge(fields);
  }
  if (const Json* command = provider.child("command"); command != nullptr) {
    FieldReader fields(command, provider.pathOf("command"));
    CommandProvider& into = out.command.emplace();
    fields.read("run", into.run);
    fields.readEnum("servers", {"First", "All"}, into.servers);
    parent.merge(fields);
  }
}

AnalysisMetric readMetric(const Json& json, FieldReader& parent) {
  AnalysisMetric out;
  FieldReader fields(&json, "spec.metrics[]");
  fields.read("name", out.name);
  readProvider(fields.child("provider"), out, parent);
  fields.read("initialDelay", out.initialDelay);
  fields.read("interval", out.interval);
  fields.read("count", out.count);
  fields.read("timeout", out.timeout);
  fields.read("successCondition", out.successCondition);
  fields.read("failureCondition", out.failureCondition);
  fields.read("minSamples", out.minSamples);
  fields.readEnum("noData", {kNoData[0], kNoData[1], kNoData[2]}, out.noData);
  if (fields.child("waitFor") != nullptr) {
    fields.read("waitFor", out.waitFor.emplace());
  }
  fields.read("failureLimit", out.failureLimit);
  fields.read("inconclusiveLimit", out.inconclusiveLimit);
  fields.read("consecutiveErrorLimit", out.consecutiveErrorLimit);
  parent.merge(fields);
  return out;
}

Json providerJson(const AnalysisMetric& metric) {
  Json out = Json::object();
  if (metric.prometheus.has_value()) {
    Json& into = out["prometheus"];
    into = Json::object({{"address", metric.prometheus->address}, {"query", metric.prometheus->query}});
    putText(into, "samples", metric.prometheus->samples);
  }
  if (metric.http.has_value()) {
    Json& into = out["http"];
    into = Json::object({{"url", metric.http->url}, {"method", metric.http->method}, {"value", metric.http->value}});
    putMap(into, "headers", metric.http->headers);
    putText(into, "body", metric.http->body);
    putText(into, "samples", metric.http->samples);
  }
  if (metric.command.has_value()) {
    out["command"] = Json::object({{"run", metric.command->run},
                                   {"servers", metric.command->servers == CommandServers::First ? "First" : "All"}});
  }
  return out;
}

Json toJson(const AnalysisMetric& metric) {
  Json out = Json::object({{"name", metric.name},
                           {"provider", providerJson(metric)},
                           {"initialDelay", formatDuration(metric.initialDelay)},
                           {"interval", formatDuration(metric.interval)},
                           {"count", metric.count},
                           {"timeout", formatDuration(metric.timeout)},
                           {"minSamples", metric.minSamples},
                           {"noData", kNoData[static_cast<std::size_t>(metric.noData)]},
                           {"failureLimit", metric.failureLimit},
                           {"inconclusiveLimit", metric.inconclusiveLimit},
                           {"consecutiveErrorLimit", metric.consecutiveErrorLimit}});
  putText(out, "successCondition", metric.successCondition);
  putText(out, "failureCondition", metric.failureCondition);
  if (metric.waitFor.has_value()) {
    out["waitFor"] = formatDuration(*metric.waitFor);
  }
  return out;
}

MetricRecord readMetricRecord(const Json& json) {
  MetricRecord out;
  FieldReader fields(&json, "status.analyses.metrics[]");
  fields.read("name", out.name);
  fields.read("verdict", out.verdict);
  fields.read("message", out.message);
  fields.read("started", out.started);
  fields.read("measured", out.measured);
  fields.read("successful", out.successful);
  fields.read("failed", out.failed);
  fields.read("inconclusive", out.inconclusive);
  fields.read("noData", out.noData);
  fields.read("errors", out.errors);
  fields.read("consecutiveErrors", out.consecutiveErrors);
  fields.read("nextMs", out.nextMs);
  fields.read("noDataSinceMs", out.noDataSinceMs);
  if (const Json* last = fields.child("last"); last != nullptr && last->isArray()) {
    for (const Json& item : last->asArray()) {
      FieldReader reader(&item, "status.analyses.metrics[].last[]");
      MeasurementRecord& one = out.last.emplace_back();
      reader.read("at", one.at);
      reader.read("result", one.result);
      reader.read("value", one.value);
      reader.read("message", one.message);
    }
  }
  return out;
}

Json toJson(const MetricRecord& record) {
  Json out = Json::object({{"name", record.name},
                           {"started", record.started},
                           {"measured", record.measured},
                           {"successful", record.successful},
                           {"failed", record.failed},
                           {"inconclusive", record.inconclusive},
                           {"noData", record.noData},
                           {"errors", record.errors},
                           {"consecutiveErrors", record.consecutiveErrors},
                           {"nextMs", record.nextMs},
                           {"noDataSinceMs", record.noDataSinceMs}});
  putText(out, "verdict", record.verdict);
  putText(out, "message", record.message);
  for (const MeasurementRecord& one : record.last) {
    Json item = Json::object({{"at", one.at}, {"result", one.result}});
    putText(item, "value", one.value);
    putText(item, "message", one.message);
    out["last"].push(std::move(item));
  }
  return out;
}

}  // namespace

bool AnalysisMetric::countsSamples() const {
  return (prometheus.has_value() && !prometheus->samples.empty()) || (http.has_value() && !http->samples.empty());
}

std::string_view resultName(MeasurementResult result) { return kResults[static_cast<std::size_t>(result)]; }

Result<AnalysisTemplateSpec> analysisTemplateFromJson(const Json& object) {
  AnalysisTemplateSpec out;
  FieldReader fields(&object, "");
  readAnalysisTemplate(object.find("spec"), out, fields);
  SLIPWAY_RETURN_IF_ERROR(fields.status());
  return out;
}

void readAnalysisTemplate(const Json* json, AnalysisTemplateSpec& out, FieldReader& parent) {
  FieldReader fields(json, "spec");
  readArgs(fields, out.args, parent);
  if (const Json* metrics = fields.child("metrics"); metrics != nullptr && metrics->isArray()) {
    for (const Json& metric : metrics->asArray()) {
      out.metrics.push_back(readMetric(metric, parent));
    }
  }
  parent.merge(fields);
}

Json toJson(const AnalysisTemplateSpec& spec) {
  Json out = Json::object();
  putArgs(out, spec.args);
  for (const AnalysisMetric& metric : spec.metrics) {
    out["metrics"].push(toJson(metric));
  }
  return out;
}

void readAnalysisUse(const Json* json, const std::string& path, AnalysisUse& out, FieldReader& parent) {
  FieldReader fields(json, path);
  fields.read("templates", out.templates);
  readArgs(fields, out.args, parent);
  parent.merge(fields);
}

Json toJson(const AnalysisUse& use) {
  Json out = Json::object();
  putList(out, "templates", use.templates);
  putArgs(out, use.args);
  return out;
}

void readAnalyses(const Json* json, std::map<std::string, AnalysisRecord>& out) {
  if (json == nullptr || !json->isObject()) {
    return;
  }
  for (const auto& [step, analysis] : json->asObject()) {
    FieldReader fields(&analysis, "status.analyses");
    AnalysisRecord& record = out[step];
    fields.read("verdict", record.verdict);
    fields.read("message", record.message);
    fields.read("at", record.at);
    fields.read("startedAt", record.startedAt);
    fields.read("round", record.round);
    fields.read("elapsedMs", record.elapsedMs);
    if (const Json* metrics = fields.child("metrics"); metrics != nullptr && metrics->isArray()) {
      for (const Json& metric : metrics->asArray()) {
        record.metrics.push_back(readMetricRecord(metric));
      }
    }
  }
}

Json toJson(const AnalysisRecord& record) {
  Json out = Json::object({{"verdict", record.verdict},
                           {"message", record.message},
                           {"at", record.at},
                           {"startedAt", record.startedAt},
                           {"round", record.round},
                           {"elapsedMs", record.elapsedMs}});
  for (const MetricRecord& metric : record.metrics) {
    out["metrics"].push(toJson(metric));
  }
  return out;
}

}  // namespace slipway
