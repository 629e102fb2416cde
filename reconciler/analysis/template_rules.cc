#include "reconciler/analysis/template_rules.h"

#include <algorithm>

#include "reconciler/analysis/condition.h"
#include "reconciler/analysis/placeholders.h"
#include "reconciler/api/analysis.h"
#include "reconciler/api/json_fields.h"
#include "reconciler/base/strings.h"

namespace slipway::analysis {
namespace {

constexpr std::string_view kInvalid = "FieldValueInvalid";

FieldProblem invalid(std::string field, const std::string& value, std::string_view why) {
  return {std::string(kInvalid), std::move(field), cat("Invalid value: ", Json(value).dump(), ": ", why)};
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// One template.
class TemplateCheck {
 public:
  explicit TemplateCheck(const AnalysisTemplateSpec& spec) : spec_(spec), known_(builtInArgs()) {
    for (const AnalysisArg& arg : spec.args) {
      known_.push_back(arg.name);
    }
  }

  std::vector<FieldProblem> run() {
    for (std::size_t i = 0; i < spec_.metrics.size(); ++i) {
      metric(spec_.metrics[i], cat("spec.metrics[", i, "]"));
    }
    return std::move(problems_);
  }

 private:
  void metric(const AnalysisMetric& metric, const std::string& path) {
    provider(metric, cat(path, ".provider"));
    condition(metric.successCondition, cat(path, ".successCondition"));
    condition(metric.failureCondition, cat(path, ".failureCondition"));
    atLeast(metric.interval, std::chrono::milliseconds(100), cat(path, ".interval"));
    atLeast(metric.timeout, std::chrono::milliseconds(10), cat(path, ".timeout"));
    if (metric.timeout > std::chrono::minutes(10)) {
      problems_.push_back(invalid(cat(path, ".timeout"), formatDuration(metric.timeout), "must be at most 10m"));
    }
    if (!metric.countsSamples() && metric.minSamples > metric.count) {
      problems_.push_back({std::string(kInvalid), cat(path, ".minSamples"),
                           cat("Invalid value: ", metric.minSamples, ": there are only ", metric.count,
                               " measurements (count), and the provider has no samples")});
    }
  }

  void provider(const AnalysisMetric& metric, const std::string& path) {
    if (metric.prometheus.has_value()) {
      url(metric.prometheus->address, cat(path, ".prometheus.address"));
      text(metric.prometheus->query, cat(path, ".prometheus.query"));
      text(metric.prometheus->samples, cat(path, ".prometheus.samples"));
    }
    if (metric.http.has_value()) {
      url(metric.http->url, cat(path, ".http.url"));
      text(metric.http->body, cat(path, ".http.body"));
      for (const auto& [name, value] : metric.http->headers) {
        text(value, cat(path, ".http.headers[", name, "]"));
      }
    }
    if (metric.command.has_value()) {
      text(metric.command->run, cat(path, ".command.run"));
    }
  }

  void url(const std::string& value, const std::string& path) {
    text(value, path);
    const std::size_t scheme = value.find("://");
    const std::size_t start = scheme == std::string::npos ? 0 : scheme + 3;
    if (value.substr(start, value.find_first_of("/?#", start) - start).find('@') != std::string::npos) {
      problems_.push_back(
          {std::string(kInvalid), path, "Invalid value: takes no user or password: send them as a header"});
    }
  }

  void text(const std::string& value, const std::string& path) {
    const Result<std::vector<std::string>> names = placeholdersIn(value);
    if (!names) {
      problems_.push_back(invalid(path, value, names.status().message()));
      return;
    }
    for (const std::string& name : *names) {
      if (!contains(known_, name)) {
        problems_.push_back(invalid(path, cat("{{args.", name, "}}"),
                                    cat("is not declared in spec.args; known are ", join(known_, ", "))));
      }
    }
  }

  void condition(const std::string& value, const std::string& path) {
    if (value.empty()) {
      return;
    }
    if (const auto compiled = Condition::compile(value); !compiled) {
      problems_.push_back(invalid(path, value, cat("compilation failed: ", compiled.status().message())));
    }
  }

  void atLeast(Duration value, Duration least, const std::string& path) {
    if (value < least) {
      problems_.push_back(invalid(path, formatDuration(value), cat("must be at least ", formatDuration(least))));
    }
  }

  const AnalysisTemplateSpec& spec_;
  std::vector<std::string> known_;
  std::vector<FieldProblem> problems_;
};

// The uses of templates in one Release.
class UseCheck {
 public:
  UseCheck(const FindObject& find, std::string ns) : find_(find), ns_(std::move(ns)) {}

  std::vector<FieldProblem> run(const Json& release) {
    if (const Json* steps = release.at({"spec", "strategy", "canary", "steps"}); steps != nullptr && steps->isArray()) {
      for (std::size_t i = 0; i < steps->asArray().size(); ++i) {
        use(steps->asArray()[i].find("analysis"), cat("spec.strategy.canary.steps[", i, "].analysis"));
      }
    }
    for (const char* name : {"prePromotionAnalysis", "postPromotionAnalysis"}) {
      use(release.at({"spec", "strategy", "blueGreen", name}), cat("spec.strategy.blueGreen.", name));
    }
    return std::move(problems_);
  }

 private:
  void use(const Json* json, const std::string& path) {
    if (json == nullptr || !json->isObject()) {
      return;
    }
    AnalysisUse use;
    FieldReader fields(nullptr, path);
    readAnalysisUse(json, path, use, fields);
    std::vector<std::string> declared;
    bool allFound = true;
    for (std::size_t j = 0; j < use.templates.size(); ++j) {
      const std::optional<Json> object = find_(kAnalysisTemplate, {ns_, use.templates[j]});
      if (!object.has_value()) {
        allFound = false;
        problems_.push_back(
            {"FieldValueNotFound", cat(path, ".templates[", j, "]"),
             cat("Not found: ", Json(use.templates[j]).dump(), ": there is no such AnalysisTemplate in namespace '",
                 ns_, "': create it before the Release")});
        continue;
      }
      if (const Result<AnalysisTemplateSpec> spec = analysisTemplateFromJson(*object); spec) {
        arguments(use, *spec, use.templates[j], path, declared);
      }
    }
    for (std::size_t k = 0; allFound && k < use.args.size(); ++k) {
      if (!contains(declared, use.args[k].name)) {
        problems_.push_back(invalid(cat(path, ".args[", k, "].name"), use.args[k].name,
                                    cat("none of the templates has this argument",
                                        declared.empty() ? "" : cat("; they have ", join(declared, ", ")))));
      }
    }
  }

  void arguments(const AnalysisUse& use, const AnalysisTemplateSpec& spec, const std::string& name,
                 const std::string& path, std::vector<std::string>& declared) {
    for (const AnalysisArg& arg : spec.args) {
      declared.push_back(arg.name);
      const bool given =
          std::any_of(use.args.begin(), use.args.end(), [&](const AnalysisArg& one) { return one.name == arg.name; });
      if (!arg.value.has_value() && !given) {
        problems_.push_back({"FieldValueRequired", cat(path, ".args"),
                             cat("Required value: AnalysisTemplate '", name, "' takes the argument ", arg.name)});
      }
    }
  }

  const FindObject& find_;
  const std::string ns_;
  std::vector<FieldProblem> problems_;
};

class Rules final : public AdmissionRules {
 public:
  std::vector<FieldProblem> check(const Json* old, const Json& object, const FindObject& find) const override {
    const std::string kind = object.getString("kind");
    if (object.getString("apiVersion") != kAnalysisTemplate.apiVersion()) {
      return {};
    }
    if (kind == kAnalysisTemplate.kind) {
      const Result<AnalysisTemplateSpec> spec = analysisTemplateFromJson(object);
      return spec && !same(old, object, {"spec"}) ? TemplateCheck(*spec).run() : std::vector<FieldProblem>();
    }
    // A template that went away later does not keep anybody from writing the Release.
    if (kind == kRelease.kind && !same(old, object, {"spec", "strategy"})) {
      const Json* metadata = object.find("metadata");
      return UseCheck(find, metadata == nullptr ? "" : metadata->getString("namespace")).run(object);
    }
    return {};
  }

 private:
  static bool same(const Json* old, const Json& object, std::initializer_list<std::string_view> path) {
    const Json* before = old == nullptr ? nullptr : old->at(path);
    const Json* now = object.at(path);
    return before != nullptr && now != nullptr && *before == *now;
  }
};

}  // namespace

std::unique_ptr<AdmissionRules> newAdmissionRules() { return std::make_unique<Rules>(); }

}  // namespace slipway::analysis
