#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/apiserver/forms/http_message.h"
#include "reconciler/base/json.h"
#include "reconciler/base/status.h"

namespace slipway::apiserver {

// What an answer is turned into before it is written.
enum class Transform { None, Table, PartialObjectMetadata, PartialObjectMetadataList };

struct ResponseFormat {
  Transform transform = Transform::None;
  std::string metaVersion = "v1";  // of meta.k8s.io, when transformed: v1 or v1beta1
  bool yaml = false;
  bool pretty = false;
};

// Which transforms an answer may take.
enum class Negotiable {
  ObjectsOnly,  // reviews, scale, Status
  Objects,      // one object, or a watch: Table, PartialObjectMetadata
  Lists,        // Table, PartialObjectMetadataList
};

// What Accept asks for, its clauses tried by falling q and then in order; an unknown transform or media type (protobuf)
// skips its clause. nullopt: nothing left, answer 406 with kNotAcceptableMessage.
std::optional<ResponseFormat> negotiate(const HttpRequest& request, Negotiable negotiable);

inline constexpr std::string_view kNotAcceptableMessage =
    "only the following media types are accepted: application/json, application/yaml";

// One clause of an Accept header.
struct AcceptClause {
  std::string mediaType;  // lower case: "application/json", "*/*"
  double quality = 1;
  std::string as;
  std::string group;    // parameter g
  std::string version;  // parameter v
};

// Sorted by falling quality, equal ones as written. At most 64 clauses are looked at.
std::vector<AcceptClause> parseAccept(std::string_view header);

enum class BodyFormat { Json, Yaml, Protobuf, JsonPatch, MergePatch, StrategicMergePatch, ApplyPatch };

// The request's Content-Type without parameters; Json when there is none. nullopt: not one of ours, answer 415.
std::optional<BodyFormat> bodyFormat(const HttpRequest& request);
std::string_view mediaType(BodyFormat format);

// "the body of the request was in an unknown format - accepted media types include: a, b".
std::string unsupportedMediaTypeMessage(const std::vector<BodyFormat>& accepted);

// Decodes the body of POST, PUT and DELETE: JSON, YAML (one document) or protobuf. `duplicates`, if given, gets the
// paths of keys given twice. Invalid on malformed text. REQUIRES: format is Json, Yaml or Protobuf.
Result<Json> decodeBody(BodyFormat format, std::string_view body, std::vector<std::string>* duplicates);

// The body of an apply patch: JSON (tabs and all) or one YAML document.
Result<Json> decodeApplyBody(std::string_view body, std::vector<std::string>* duplicates);

// The value as JSON or YAML with its content type, a newline at its end.
HttpResponse encodeResponse(int status, const Json& value, const ResponseFormat& format);

// Any value but "0" and (in any case) "false" is true; absent is false, present and empty is true.
bool booleanParameter(const HttpRequest& request, std::string_view name);

// Whether people read the answer: pretty=1, or without that parameter a curl, Wget or Mozilla/5.0 user agent.
bool wantsPretty(const HttpRequest& request);

}  // namespace slipway::apiserver
