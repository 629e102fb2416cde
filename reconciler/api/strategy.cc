#include "reconciler/api/strategy.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "reconciler/api/json_fields.h"
#include "reconciler/base/strings.h"

namespace slipway {
namespace {

constexpr std::array<std::string_view, 5> kStrategies{"Atomic", "Recreate", "Rolling", "BlueGreen",
                                                      "Canary"};  // in the enum's order

// 3 or "25%".
void readAmount(FieldReader& fields, std::string_view name, Amount& out) {
  const Json* json = fields.child(name);
  if (json == nullptr) {
    return;
  }
  if (json->isInt()) {
    out = {static_cast<int>(json->asInt()), false};
    return;
  }
  const std::string text = json->isString() ? json->asString() : "";
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || std::string_view(end, text.data() + text.size()) != "%") {
    fields.fail(name, cat("must be a number or a share like \"25%\", not ", json->dump()));
    return;
  }
  out = {value, true};
}

void readDuration(FieldReader& fields, std::string_view name, std::optional<Duration>& out) {
  if (fields.child(name) != nullptr) {
    fields.read(name, out.emplace());
  }
}

Json toJson(const Amount& amount) { return amount.percent ? Json(cat(amount.value, "%")) : Json(amount.value); }

void readRolling(const Json* json, RollingSettings& out, FieldReader& parent) {
  FieldReader fields(json, "spec.strategy.rolling");
  readAmount(fields, "batchSize", out.batchSize);
  if (fields.child("maxUnavailable") != nullptr) {
    readAmount(fields, "maxUnavailable", out.maxUnavailable.emplace());
  }
  readAmount(fields, "maxSurge", out.maxSurge);
  fields.read("pauseBetween", out.pauseBetween);
  fields.read("minReady", out.minReady);
  fields.read("order", out.order);
  fields.read("orderByLabel", out.orderByLabel);
  fields.read("last", out.last);
  fields.read("zoneLabel", out.zoneLabel);
  parent.merge(fields);
}

void readGroups(FieldReader& parent, std::vector<ServerGroup>& out) {
  const Json* groups = parent.child("groups");
  for (std::size_t i = 0; groups != nullptr && groups->isArray() && i < groups->asArray().size(); ++i) {
    FieldReader fields(&groups->asArray()[i], cat(parent.pathOf("groups"), "[", i, "]"));
    ServerGroup& group = out.emplace_back();
    fields.read("name", group.name);
    fields.read("matchLabels", group.matchLabels);
    parent.merge(fields);
  }
}

void readBlueGreen(const Json* json, BlueGreenSettings& out, FieldReader& parent) {
  FieldReader fields(json, "spec.strategy.blueGreen");
  fields.read("autoPromote", out.autoPromote);
  readDuration(fields, "autoPromoteAfter", out.autoPromoteAfter);
  FieldReader preview(fields.child("preview"), "spec.strategy.blueGreen.preview");
  preview.read("run", out.previewRun);
  preview.read("timeout", out.previewTimeout);
  fields.read("scaleDownDelay", out.scaleDownDelay);
  readAnalysisUse(fields.child("prePromotionAnalysis"), fields.pathOf("prePromotionAnalysis"), out.prePromotionAnalysis,
                  parent);
  readAnalysisUse(fields.child("postPromotionAnalysis"), fields.pathOf("postPromotionAnalysis"),
                  out.postPromotionAnalysis, parent);
  readGroups(fields, out.groups);
  fields.readEnum("oldGroup", {"Update", "Keep"}, out.oldGroup);
  parent.merge(preview);
  parent.merge(fields);
}

CanaryStep readStep(const Json& json, const std::string& path, FieldReader& parent) {
  CanaryStep step;
  FieldReader fields(&json, path);
  if (const Json* pause = fields.child("pause"); pause != nullptr && pause->isObject()) {
    step.kind = CanaryStep::Kind::Pause;
    FieldReader reader(pause, cat(path, ".pause"));
    readDuration(reader, "duration", step.pause);
    parent.merge(reader);
  } else if (const Json* analysis = fields.child("analysis"); analysis != nullptr && analysis->isObject()) {
    step.kind = CanaryStep::Kind::Analysis;
    AnalysisUse use;
    readAnalysisUse(analysis, cat(path, ".analysis"), use, parent);
    step.templates = std::move(use.templates);
    step.args = std::move(use.args);
  } else if (fields.child("setScale") != nullptr) {
    step.kind = CanaryStep::Kind::SetScale;
    readAmount(fields, "setScale", step.scale);
  } else {
    fields.read("setWeight", step.weight);
  }
  parent.merge(fields);
  return step;
}

void readCanary(const Json* json, CanarySettings& out, FieldReader& parent) {
  FieldReader fields(json, "spec.strategy.canary");
  if (const Json* steps = fields.child("steps"); steps != nullptr && steps->isArray()) {
    for (std::size_t i = 0; i < steps->asArray().size(); ++i) {
      out.steps.push_back(readStep(steps->asArray()[i], cat("spec.strategy.canary.steps[", i, "]"), parent));
    }
  }
  readAmount(fields, "maxSurge", out.maxSurge);
  readAmount(fields, "maxUnavailable", out.maxUnavailable);
  FieldReader abort(fields.child("gradualAbort"), "spec.strategy.canary.gradualAbort");
  readDuration(abort, "interval", out.gradualAbort);
  fields.read("scaleDownDelay", out.scaleDownDelay);
  if (const Json* sticky = fields.child("stickiness"); sticky != nullptr && sticky->isObject()) {
    FieldReader reader(sticky, "spec.strategy.canary.stickiness");
    out.stickiness = Stickiness{"slipway"};
    reader.read("cookie", out.stickiness->cookie);
    reader.read("maxAge", out.stickiness->maxAge);
    parent.merge(reader);
  }
  parent.merge(abort);
  parent.merge(fields);
}

Json toJson(const RollingSettings& settings) {
  Json out = Json::object({{"batchSize", toJson(settings.batchSize)},
                           {"maxSurge", toJson(settings.maxSurge)},
                           {"pauseBetween", formatDuration(settings.pauseBetween)},
                           {"minReady", formatDuration(settings.minReady)}});
  if (settings.maxUnavailable.has_value()) {
    out["maxUnavailable"] = toJson(*settings.maxUnavailable);
  }
  putList(out, "order", settings.order);
  putText(out, "orderByLabel", settings.orderByLabel);
  putList(out, "last", settings.last);
  putText(out, "zoneLabel", settings.zoneLabel);
  return out;
}

Json toJson(const BlueGreenSettings& settings) {
  Json out = Json::object(
      {{"autoPromote", settings.autoPromote}, {"scaleDownDelay", formatDuration(settings.scaleDownDelay)}});
  if (settings.autoPromoteAfter.has_value()) {
    out["autoPromoteAfter"] = formatDuration(*settings.autoPromoteAfter);
  }
  if (!settings.previewRun.empty()) {
    out["preview"] = Json::object({{"run", settings.previewRun}, {"timeout", formatDuration(settings.previewTimeout)}});
  }
  putObject(out, "prePromotionAnalysis", toJson(settings.prePromotionAnalysis));
  putObject(out, "postPromotionAnalysis", toJson(settings.postPromotionAnalysis));
  for (const ServerGroup& group : settings.groups) {
    Json item = Json::object({{"name", group.name}});
    putMap(item, "matchLabels", group.matchLabels);
    out["groups"].push(std::move(item));
  }
  if (!settings.groups.empty()) {
    out["oldGroup"] = settings.oldGroup == OldGroup::Update ? "Update" : "Keep";
  }
  return out;
}

Json toJson(const CanaryStep& step) {
  switch (step.kind) {
    case CanaryStep::Kind::SetWeight:
      return Json::object({{"setWeight", step.weight}});
    case CanaryStep::Kind::Pause: {
      Json pause = Json::object();
      if (step.pause.has_value()) {
        pause["duration"] = formatDuration(*step.pause);
      }
      return Json::object({{"pause", std::move(pause)}});
    }
    case CanaryStep::Kind::Analysis:
      return Json::object({{"analysis", toJson(AnalysisUse{step.templates, step.args})}});
    case CanaryStep::Kind::SetScale:
      return Json::object({{"setScale", toJson(step.scale)}});
  }
  return {};
}

Json toJson(const CanarySettings& settings) {
  Json::Array steps;
  for (const CanaryStep& step : settings.steps) {
    steps.push_back(toJson(step));
  }
  Json out = Json::object({{"steps", std::move(steps)},
                           {"maxSurge", toJson(settings.maxSurge)},
                           {"maxUnavailable", toJson(settings.maxUnavailable)},
                           {"scaleDownDelay", formatDuration(settings.scaleDownDelay)}});
  if (settings.gradualAbort.has_value()) {
    out["gradualAbort"] = Json::object({{"interval", formatDuration(*settings.gradualAbort)}});
  }
  if (settings.stickiness.has_value()) {
    out["stickiness"] = Json::object({{"cookie", settings.stickiness->cookie}});
    if (settings.stickiness->maxAge > Duration(0)) {
      out["stickiness"]["maxAge"] = formatDuration(settings.stickiness->maxAge);
    }
  }
  return out;
}

}  // namespace

std::string_view strategyName(StrategyType type) { return kStrategies[static_cast<std::size_t>(type)]; }

std::size_t Amount::of(std::size_t total) const { return std::clamp<std::size_t>(roundedDown(total), 1, total); }

std::size_t Amount::roundedDown(std::size_t total) const {
  const auto number = static_cast<std::size_t>(std::max(value, 0));
  return std::min(percent ? total * number / 100 : number, total);
}

std::size_t Amount::roundedUp(std::size_t total) const {
  const auto number = static_cast<std::size_t>(std::max(value, 0));
  return std::min(percent ? (total * number + 99) / 100 : number, total);
}

std::string otherSlot(const std::string& live) { return live == "blue" ? "green" : "blue"; }

void readStrategy(const Json* json, Strategy& out, FieldReader& parent) {
  FieldReader fields(json, "spec.strategy");
  fields.readEnum("type", {kStrategies[0], kStrategies[1], kStrategies[2], kStrategies[3], kStrategies[4]}, out.type);
  fields.readEnum("onPartialSwitch", {"Revert", "Hold"}, out.onPartialSwitch);
  fields.readEnum("switchOrder", {"Parallel", "Sequential"}, out.switchOrder);
  fields.read("maxSkew", out.maxSkew);
  fields.read("switchTimeout", out.switchTimeout);
  if (const Json* rolling = fields.child("rolling"); rolling != nullptr && rolling->isObject()) {
    readRolling(rolling, out.rolling.emplace(), fields);
  }
  if (const Json* blueGreen = fields.child("blueGreen"); blueGreen != nullptr && blueGreen->isObject()) {
    readBlueGreen(blueGreen, out.blueGreen.emplace(), fields);
  }
  if (const Json* canary = fields.child("canary"); canary != nullptr && canary->isObject()) {
    readCanary(canary, out.canary.emplace(), fields);
  }
  parent.merge(fields);
}

Json toJson(const Strategy& strategy) {
  Json out = Json::object({{"type", strategyName(strategy.type)},
                           {"onPartialSwitch", strategy.onPartialSwitch == OnPartialSwitch::Revert ? "Revert" : "Hold"},
                           {"switchOrder", strategy.switchOrder == SwitchOrder::Parallel ? "Parallel" : "Sequential"},
                           {"maxSkew", formatDuration(strategy.maxSkew)},
                           {"switchTimeout", formatDuration(strategy.switchTimeout)}});
  if (strategy.rolling.has_value()) {
    out["rolling"] = toJson(*strategy.rolling);
  }
  if (strategy.blueGreen.has_value()) {
    out["blueGreen"] = toJson(*strategy.blueGreen);
  }
  if (strategy.canary.has_value()) {
    out["canary"] = toJson(*strategy.canary);
  }
  return out;
}

}  // namespace slipway
