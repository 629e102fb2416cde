#include "reconciler/apiserver/forms/negotiation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

#include "reconciler/apiserver/forms/protobuf.h"
#include "reconciler/base/strings.h"
#include "reconciler/schema/yaml.h"

namespace slipway::apiserver {

namespace {

constexpr std::size_t kMaxAcceptClauses = 64;
constexpr std::size_t kMaxBodyDepth = 128;

struct NamedFormat {
  BodyFormat format;
  std::string_view name;
};

constexpr std::array<NamedFormat, 7> kBodyFormats{{
    {BodyFormat::Json, "application/json"},
    {BodyFormat::Yaml, "application/yaml"},
    {BodyFormat::Protobuf, "application/vnd.kubernetes.protobuf"},
    {BodyFormat::JsonPatch, "application/json-patch+json"},
    {BodyFormat::MergePatch, "application/merge-patch+json"},
    {BodyFormat::StrategicMergePatch, "application/strategic-merge-patch+json"},
    {BodyFormat::ApplyPatch, "application/apply-patch+yaml"},
}};

double parseQuality(std::string_view text) {
  const std::string copy(text.substr(0, 8));
  char* end = nullptr;
  const double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || end != copy.c_str() + copy.size()) {
    return 1;
  }
  return std::clamp(value, 0.0, 1.0);
}

void setParameter(AcceptClause& clause, std::string_view parameter) {
  const auto equals = parameter.find('=');
  if (equals == std::string_view::npos) {
    return;
  }
  const std::string name = lowerAscii(trim(parameter.substr(0, equals)));
  const std::string_view value = trim(parameter.substr(equals + 1));
  if (name == "q") {
    clause.quality = parseQuality(value);
  } else if (name == "as") {
    clause.as = value;
  } else if (name == "g") {
    clause.group = value;
  } else if (name == "v") {
    clause.version = value;
  }
}

std::optional<Transform> transformNamed(std::string_view name, Negotiable negotiable) {
  if (negotiable == Negotiable::ObjectsOnly) {
    return std::nullopt;
  }
  if (name == "Table") {
    return Transform::Table;
  }
  if (name == "PartialObjectMetadata" && negotiable == Negotiable::Objects) {
    return Transform::PartialObjectMetadata;
  }
  if (name == "PartialObjectMetadataList" && negotiable == Negotiable::Lists) {
    return Transform::PartialObjectMetadataList;
  }
  return std::nullopt;
}

// What one clause asks for, or nullopt when it cannot be served.
std::optional<ResponseFormat> formatOf(const AcceptClause& clause, Negotiable negotiable) {
  ResponseFormat format;
  if (clause.mediaType == "application/yaml") {
    format.yaml = true;
  } else if (clause.mediaType != "application/json" && clause.mediaType != "application/*" &&
             clause.mediaType != "*/*") {
    return std::nullopt;
  }
  if (clause.as.empty()) {
    return format;
  }
  const auto transform = transformNamed(clause.as, negotiable);
  if (!transform || clause.group != "meta.k8s.io" || (clause.version != "v1" && clause.version != "v1beta1")) {
    return std::nullopt;
  }
  format.transform = *transform;
  format.metaVersion = clause.version;
  return format;
}

Result<Json> decodeYaml(std::string_view body, std::vector<std::string>* duplicates) {
  auto documents = schema::parseYaml(body, {.positions = false});
  if (!documents) {
    return documents.status();
  }
  if (documents->size() != 1) {
    return Status(Code::Invalid, cat("the body must be one YAML document, found ", documents->size()));
  }
  schema::YamlDocument& document = documents->front();
  if (duplicates != nullptr) {
    *duplicates = std::move(document.duplicates);
  }
  return std::move(document.value);
}

}  // namespace

std::vector<AcceptClause> parseAccept(std::string_view header) {
  std::vector<AcceptClause> clauses;
  for (const std::string& text : split(header, ',')) {
    if (trim(text).empty()) {
      continue;
    }
    if (clauses.size() == kMaxAcceptClauses) {
      break;
    }
    const std::vector<std::string> parts = split(text, ';');
    AcceptClause clause;
    clause.mediaType = lowerAscii(trim(parts.front()));
    for (std::size_t i = 1; i < parts.size(); ++i) {
      setParameter(clause, parts[i]);
    }
    clauses.push_back(std::move(clause));
  }
  std::stable_sort(clauses.begin(), clauses.end(),
                   [](const AcceptClause& a, const AcceptClause& b) { return a.quality > b.quality; });
  return clauses;
}

std::optional<ResponseFormat> negotiate(const HttpRequest& request, Negotiable negotiable) {
  const bool pretty = wantsPretty(request);
  const std::vector<AcceptClause> clauses = parseAccept(request.header("accept"));
  if (clauses.empty()) {
    ResponseFormat format;
    format.pretty = pretty;
    return format;
  }
  for (const AcceptClause& clause : clauses) {
    if (clause.quality <= 0) {
      continue;
    }
    if (auto format = formatOf(clause, negotiable)) {
      format->pretty = pretty;
      return format;
    }
  }
  return std::nullopt;
}

std::optional<BodyFormat> bodyFormat(const HttpRequest& request) {
  const std::string header = request.header("content-type");
  const std::string type = lowerAscii(trim(std::string_view(header).substr(0, header.find(';'))));
  if (type.empty()) {
    return BodyFormat::Json;
  }
  for (const NamedFormat& known : kBodyFormats) {
    if (known.name == type) {
      return known.format;
    }
  }
  return std::nullopt;
}

std::string_view mediaType(BodyFormat format) {
  for (const NamedFormat& known : kBodyFormats) {
    if (known.format == format) {
      return known.name;
    }
  }
  return "application/json";
}

std::string unsupportedMediaTypeMessage(const std::vector<BodyFormat>& accepted) {
  std::vector<std::string> names;
  for (const BodyFormat format : accepted) {
    names.emplace_back(mediaType(format));
  }
  return cat("the body of the request was in an unknown format - accepted media types include: ", join(names, ", "));
}

Result<Json> decodeBody(BodyFormat format, std::string_view body, std::vector<std::string>* duplicates) {
  if (format == BodyFormat::Protobuf) {
    return decodeProtobuf(body);
  }
  if (format == BodyFormat::Yaml) {
    return decodeYaml(body, duplicates);
  }
  return parseJson(body, {.maxDepth = kMaxBodyDepth, .duplicates = duplicates});
}

Result<Json> decodeApplyBody(std::string_view body, std::vector<std::string>* duplicates) {
  auto json = parseJson(body, {.maxDepth = kMaxBodyDepth, .duplicates = duplicates});
  if (json) {
    return json;
  }
  if (duplicates != nullptr) {
    duplicates->clear();
  }
  return decodeYaml(body, duplicates);
}

HttpResponse encodeResponse(int status, const Json& value, const ResponseFormat& format) {
  HttpResponse response;
  response.status = status;
  if (format.yaml) {
    response.contentType = "application/yaml";
    response.body = schema::toYaml(value);
  } else {
    response.body = format.pretty ? value.dumpPretty() : value.dump();
  }
  if (response.body.empty() || response.body.back() != '\n') {
    response.body += '\n';
  }
  return response;
}

bool booleanParameter(const HttpRequest& request, std::string_view name) {
  if (!request.hasParameter(name)) {
    return false;
  }
  const std::string value = request.parameter(name);
  return value != "0" && lowerAscii(value) != "false";
}

bool wantsPretty(const HttpRequest& request) {
  if (request.hasParameter("pretty")) {
    return booleanParameter(request, "pretty");
  }
  const std::string agent = request.header("user-agent");
  return agent.starts_with("curl") || agent.starts_with("Wget") || agent.starts_with("Mozilla/5.0");
}

}  // namespace slipway::apiserver
