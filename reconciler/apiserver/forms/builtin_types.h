#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace slipway::apiserver {

// What one value of a built-in type is, in JSON and on the wire of the protobuf form.
enum class ValueType : std::uint8_t {
  String,
  Bytes,  // base64 text in JSON
  Bool,
  Int32,
  Int64,
  Double,
  Time,       // seconds
  MicroTime,  // with six decimals
  Message,
  Strings,       // a message whose only field is a list of strings; a list in JSON
  RawJson,       // a message whose only field holds JSON text
  SchemaOrBool,  // JSON Schema's either-or fields
  SchemaOrList,
  SchemaOrStrings,
};

enum class Shape : std::uint8_t { One, List, Set, MapList, Map };

struct TypeField {
  std::uint32_t number;
  std::string_view name;  // in JSON
  ValueType type;
  Shape shape;
  bool optional;             // a zero that was sent means zero, not absent
  std::string_view detail;   // Message: the type's name; MapList: "type name/key"
  std::string_view meaning;  // for `kubectl explain`

  std::string_view message() const { return detail.substr(0, detail.find('/')); }
  std::string_view listMapKey() const {
    const auto slash = detail.find('/');
    return slash == std::string_view::npos ? std::string_view{} : detail.substr(slash + 1);
  }
};

struct BuiltinType {
  std::string_view name;  // "Namespace"
  std::string_view meaning;
  std::span<const TypeField> fields;
  bool atomic = false;  // merges as a whole
};

// nullptr when there is no such type.
const BuiltinType* findBuiltinType(std::string_view name);

// The type of a body with this apiVersion and kind; nullptr when it is no built-in one. DeleteOptions go by any
// version.
const BuiltinType* findBuiltinKind(std::string_view apiVersion, std::string_view kind);

}  // namespace slipway::apiserver
