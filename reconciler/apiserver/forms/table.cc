#include "reconciler/apiserver/forms/table.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

// One step of the JSONPath subset that printer columns use: .name, ['name'], [0], [-1], [*] and [?(@.path=="value")].
struct Step {
  enum class Kind { Field, Index, Any, Filter } kind = Kind::Field;
  std::string name;                 // Field
  std::int64_t index = 0;           // Index
  std::vector<std::string> filter;  // Filter: member names
  std::string literal;              // Filter: what the member is compared with, unquoted
  bool equal = true;                // Filter: == or !=
};

std::optional<Step> filterStep(std::string_view text) {
  text.remove_prefix(2);  // ?(
  if (!text.ends_with(')')) {
    return std::nullopt;
  }
  text.remove_suffix(1);
  Step step;
  step.kind = Step::Kind::Filter;
  auto at = text.find("==");
  if (at == std::string_view::npos) {
    at = text.find("!=");
    step.equal = false;
  }
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view left = trim(text.substr(0, at));
  std::string_view right = trim(text.substr(at + 2));
  if (!left.starts_with("@.") || right.empty()) {
    return std::nullopt;
  }
  if (right.size() >= 2 && (right.front() == '"' || right.front() == '\'') && right.back() == right.front()) {
    right = right.substr(1, right.size() - 2);
  }
  step.filter = split(left.substr(2), '.');
  step.literal = right;
  return step;
}

std::optional<Step> bracketStep(std::string_view text) {
  Step step;
  if (text == "*") {
    step.kind = Step::Kind::Any;
    return step;
  }
  if (text.starts_with("?(")) {
    return filterStep(text);
  }
  if (text.size() >= 2 && (text.front() == '\'' || text.front() == '"')) {
    step.name = text.substr(1, text.size() - 2);
    return step;
  }
  step.kind = Step::Kind::Index;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step.index);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return step;
}

// The ']' that ends a bracket opened at the front of `text`, quotes respected.
std::size_t bracketEnd(std::string_view text) {
  char quote = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quote != 0) {
      quote = text[i] == quote ? '\0' : quote;
    } else if (text[i] == '"' || text[i] == '\'') {
      quote = text[i];
    } else if (text[i] == ']') {
      return i;
    }
  }
  return std::string_view::npos;
}

std::optional<std::vector<Step>> parsePath(std::string_view path) {
  std::vector<Step> steps;
  while (!path.empty()) {
    if (path.front() == '[') {
      const std::size_t end = bracketEnd(path);
      auto step = end == std::string_view::npos ? std::nullopt : bracketStep(path.substr(1, end - 1));
      if (!step) {
        return std::nullopt;
      }
      steps.push_back(std::move(*step));
      path.remove_prefix(end + 1);
      continue;
    }
    if (path.front() == '.') {
      path.remove_prefix(1);
    }
    std::string name;
    while (!path.empty() && path.front() != '.' && path.front() != '[') {
      if (path.front() == '\\' && path.size() > 1) {
        path.remove_prefix(1);
      }
      name += path.front();
      path.remove_prefix(1);
    }
    Step step;
    step.kind = name == "*" ? Step::Kind::Any : Step::Kind::Field;
    step.name = std::move(name);
    if (!step.name.empty()) {
      steps.push_back(std::move(step));
    }
  }
  return steps;
}

std::string asText(const Json& value) { return value.isString() ? value.asString() : value.dump(); }

bool passes(const Step& step, const Json& item) {
  const Json* member = &item;
  for (const std::string& name : step.filter) {
    member = member == nullptr ? nullptr : member->find(name);
  }
  return member != nullptr && (asText(*member) == step.literal) == step.equal;
}

const Json* firstMatch(const Json* value, const std::vector<Step>& steps, std::size_t at);

const Json* firstOfItems(const Json* value, const std::vector<Step>& steps, std::size_t at) {
  if (value->isObject()) {
    for (const auto& [name, member] : value->asObject()) {
      if (const Json* found = firstMatch(&member, steps, at + 1)) {
        return found;
      }
    }
  }
  if (value->isArray()) {
    for (const Json& item : value->asArray()) {
      const bool wanted = steps[at].kind == Step::Kind::Any || passes(steps[at], item);
      if (const Json* found = wanted ? firstMatch(&item, steps, at + 1) : nullptr) {
        return found;
      }
    }
  }
  return nullptr;
}

const Json* firstMatch(const Json* value, const std::vector<Step>& steps, std::size_t at) {
  if (at == steps.size()) {
    return value;
  }
  const Step& step = steps[at];
  if (step.kind == Step::Kind::Field) {
    const Json* member = value->find(step.name);
    return member == nullptr ? nullptr : firstMatch(member, steps, at + 1);
  }
  if (step.kind == Step::Kind::Index) {
    if (!value->isArray()) {
      return nullptr;
    }
    const auto size = static_cast<std::int64_t>(value->asArray().size());
    const std::int64_t index = step.index < 0 ? step.index + size : step.index;
    return index < 0 || index >= size ? nullptr
                                      : firstMatch(&value->asArray()[static_cast<std::size_t>(index)], steps, at + 1);
  }
  return firstOfItems(value, steps, at);
}

const Json* lookUp(const Json& object, std::string_view path) {
  const auto steps = parsePath(path);
  const Json* found = steps ? firstMatch(&object, *steps, 0) : nullptr;
  return found == nullptr || found->isNull() ? nullptr : found;
}

std::string age(const Json& value, WallTime now) {
  const auto time = value.isString() ? parseTime(value.asString()) : Result<WallTime>(Code::Invalid, "no time");
  return time ? humanDuration(now - *time) : "<invalid>";
}

Json wholeNumber(const Json& value) {
  if (value.isInt()) {
    return value;
  }
  if (value.isDouble() && std::abs(value.asDouble()) < 9e18) {
    return static_cast<std::int64_t>(value.asDouble());
  }
  return nullptr;
}

Json customCell(const schema::PrinterColumn& column, const Json& object, WallTime now) {
  const Json* value = lookUp(object, column.jsonPath);
  if (value == nullptr) {
    return nullptr;
  }
  if (column.type == "date") {
    return value->isString() ? Json(age(*value, now)) : Json();
  }
  if (column.type == "integer") {
    return wholeNumber(*value);
  }
  if (column.type == "number") {
    return value->isNumber() ? *value : Json();
  }
  if (column.type == "boolean") {
    return value->isBool() ? *value : Json();
  }
  return asText(*value);
}

// The first of these that is set.
const Json* firstOf(const Json& object, std::initializer_list<std::string_view> paths) {
  for (const std::string_view path : paths) {
    if (const Json* value = lookUp(object, path)) {
      return value;
    }
  }
  return nullptr;
}

Json eventCell(const schema::PrinterColumn& column, const Json& object, WallTime now) {
  if (column.name == "Last Seen") {
    const Json* seen = firstOf(object, {".series.lastObservedTime", ".lastTimestamp", ".eventTime", ".firstTimestamp",
                                        ".metadata.creationTimestamp"});
    return seen == nullptr ? "<unknown>" : age(*seen, now);
  }
  const Json* about = lookUp(object, ".involvedObject");
  return about == nullptr ? "" : cat(lowerAscii(about->getString("kind")), "/", about->getString("name"));
}

std::int64_t memberCount(const Json& object, std::string_view name) {
  const Json* map = object.find(name);
  return map != nullptr && map->isObject() ? static_cast<std::int64_t>(map->asObject().size()) : 0;
}

Json builtinCell(const schema::PrinterColumn& column, const Json& object, WallTime now) {
  if (column.name == "Data") {
    return memberCount(object, "data") + memberCount(object, "binaryData");
  }
  if (column.name == "Last Seen" || column.name == "Object") {
    return eventCell(column, object, now);
  }
  const Json* value = lookUp(object, column.jsonPath);
  if (column.type == "date" && column.format != "date-time") {
    return value == nullptr ? "<unknown>" : age(*value, now);
  }
  if (column.type == "integer") {
    return value == nullptr ? Json(0) : wholeNumber(*value);
  }
  return value == nullptr ? "" : asText(*value);
}

std::vector<schema::PrinterColumn> columnsOf(const ResourceInfo& resource) {
  if (!resource.columns.empty()) {
    return resource.columns;
  }
  schema::PrinterColumn column;
  column.name = "Age";
  column.type = "date";
  column.description = "how long ago the object was created";
  column.jsonPath = ".metadata.creationTimestamp";
  return {column};
}

Json definitionOf(const schema::PrinterColumn& column, bool custom) {
  const bool shownAsText = !custom && column.type == "date" && column.format.empty();
  return Json::object(
      {{"name", column.name},
       {"type", shownAsText ? "string" : column.type},
       {"format", custom ? column.format : ""},
       {"description",
        !column.description.empty() ? column.description : cat("printer column of JSONPath ", column.jsonPath)},
       {"priority", column.priority}});
}

Json columnDefinitions(const ResourceInfo& resource, const std::vector<schema::PrinterColumn>& columns) {
  Json out = Json::array({Json::object({{"name", "Name"},
                                        {"type", "string"},
                                        {"format", "name"},
                                        {"description", "the object's name, unique among its kind in its namespace"},
                                        {"priority", 0}})});
  for (const schema::PrinterColumn& column : columns) {
    out.push(definitionOf(column, resource.custom));
  }
  return out;
}

Json partialMetadata(const Json& object, const std::string& metaVersion) {
  const Json* metadata = object.find("metadata");
  return Json::object({{"kind", "PartialObjectMetadata"},
                       {"apiVersion", cat("meta.k8s.io/", metaVersion)},
                       {"metadata", metadata == nullptr ? Json::object() : *metadata}});
}

Json wholeObject(const ResourceInfo& resource, const Json& object) {
  if (object.find("kind") != nullptr) {
    return object;
  }
  Json out = Json::object({{"apiVersion", resource.apiVersion()}, {"kind", resource.kind}});
  for (const auto& [name, value] : object.asObject()) {
    out.asObject().set(name, value);
  }
  return out;
}

struct TableContext {
  const ResourceInfo& resource;
  const Presentation& presentation;
  std::vector<schema::PrinterColumn> columns;
};

Json row(const TableContext& context, const Json& object) {
  const Json* name = object.at({"metadata", "name"});
  Json cells = Json::array({name == nullptr ? Json("") : *name});
  for (const schema::PrinterColumn& column : context.columns) {
    cells.push(context.resource.custom ? customCell(column, object, context.presentation.now)
                                       : builtinCell(column, object, context.presentation.now));
  }
  Json out = Json::object({{"cells", std::move(cells)}});
  if (context.presentation.includeObject == "Object") {
    out["object"] = wholeObject(context.resource, object);
  } else if (context.presentation.includeObject != "None") {
    out["object"] = partialMetadata(object, context.presentation.format.metaVersion);
  }
  return out;
}

bool isList(const ResourceInfo& resource, const Json& value) {
  return value.find("items") != nullptr && value.getString("kind") == resource.listKind;
}

const Json::Array& itemsOf(const Json& list) {
  static const Json::Array kNone;
  const Json* items = list.find("items");
  return items != nullptr && items->isArray() ? items->asArray() : kNone;
}

Json listMetadata(const Json& value, bool list) {
  const Json* metadata = value.find("metadata");
  if (metadata == nullptr || list) {
    return metadata == nullptr ? Json::object() : *metadata;
  }
  return Json::object({{"resourceVersion", metadata->getString("resourceVersion")}});
}

Json table(const ResourceInfo& resource, const Json& value, const Presentation& presentation) {
  const TableContext context{resource, presentation, columnsOf(resource)};
  const bool list = isList(resource, value);
  Json rows(Json::Array{});
  if (list) {
    for (const Json& item : itemsOf(value)) {
      rows.push(row(context, item));
    }
  } else {
    rows.push(row(context, value));
  }
  return Json::object(
      {{"kind", "Table"},
       {"apiVersion", cat("meta.k8s.io/", presentation.format.metaVersion)},
       {"metadata", listMetadata(value, list)},
       {"columnDefinitions", presentation.columnDefinitions ? columnDefinitions(resource, context.columns) : Json()},
       {"rows", std::move(rows)}});
}

Json partial(const ResourceInfo& resource, const Json& value, const std::string& metaVersion) {
  if (!isList(resource, value)) {
    return partialMetadata(value, metaVersion);
  }
  Json items(Json::Array{});
  for (const Json& item : itemsOf(value)) {
    items.push(partialMetadata(item, metaVersion));
  }
  return Json::object({{"kind", "PartialObjectMetadataList"},
                       {"apiVersion", cat("meta.k8s.io/", metaVersion)},
                       {"metadata", listMetadata(value, true)},
                       {"items", std::move(items)}});
}

// "3h15m": the second part only when it is not zero.
std::string twoParts(std::int64_t first, char firstUnit, std::int64_t second, char secondUnit) {
  return second == 0 ? cat(first, firstUnit) : cat(first, firstUnit, second, secondUnit);
}

}  // namespace

std::string humanDuration(Duration duration) {
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < -1) {
    return "<invalid>";
  }
  if (seconds < 120) {
    return cat(seconds < 0 ? 0 : seconds, "s");
  }
  const std::int64_t minutes = seconds / 60;
  if (minutes < 10) {
    return twoParts(minutes, 'm', seconds % 60, 's');
  }
  if (minutes < 180) {
    return cat(minutes, "m");
  }
  const std::int64_t hours = minutes / 60;
  if (hours < 8) {
    return twoParts(hours, 'h', minutes % 60, 'm');
  }
  if (hours < 48) {
    return cat(hours, "h");
  }
  const std::int64_t days = hours / 24;
  if (days < 8) {
    return twoParts(days, 'd', hours % 24, 'h');
  }
  if (days < 730) {
    return cat(days, "d");
  }
  return days < 8 * 365 ? twoParts(days / 365, 'y', days % 365, 'd') : cat(days / 365, "y");
}

Json present(const ResourceInfo& resource, Json value, const Presentation& presentation) {
  const Transform transform = presentation.format.transform;
  if (transform == Transform::None || !value.isObject()) {
    return value;
  }
  if (value.getString("kind") == "Status" && value.getString("apiVersion") == "v1") {
    return value;
  }
  return transform == Transform::Table ? table(resource, value, presentation)
                                       : partial(resource, value, presentation.format.metaVersion);
}

}  // namespace slipway::apiserver
