#include "reconciler/cel/type.h"

#include <algorithm>
#include <array>

#include "reconciler/base/strings.h"

namespace slipway::cel {
namespace {

constexpr std::size_t kKinds = static_cast<std::size_t>(Kind::Type) + 1;

constexpr std::array<std::string_view, kKinds> kNames{"dyn",
                                                      "error",
                                                      "null_type",
                                                      "bool",
                                                      "int",
                                                      "uint",
                                                      "double",
                                                      "string",
                                                      "bytes",
                                                      "duration",
                                                      "google.protobuf.Timestamp",
                                                      "list",
                                                      "map",
                                                      "object",
                                                      "optional_type",
                                                      "kubernetes.Quantity",
                                                      "kubernetes.URL",
                                                      "type"};

TypePtr composite(Kind kind, TypePtr element) {
  auto type = std::make_shared<Type>();
  type->kind = kind;
  type->element = std::move(element);
  return type;
}

}  // namespace

std::string_view kindName(Kind kind) { return kNames[static_cast<std::size_t>(kind)]; }

const Type::Field* Type::field(std::string_view wanted) const {
  auto found = std::find_if(fields.begin(), fields.end(), [&](const Field& one) { return one.name == wanted; });
  return found == fields.end() ? nullptr : &*found;
}

std::string Type::text() const {
  if (kind == Kind::List || kind == Kind::Optional) {
    return cat(kindName(kind), "(", elementOf(*this)->text(), ")");
  }
  if (kind == Kind::Map) {
    return cat("map(string, ", elementOf(*this)->text(), ")");
  }
  return std::string(kindName(kind));
}

const TypePtr& simpleType(Kind kind) {
  static const std::array<TypePtr, kKinds> kTypes = [] {
    std::array<TypePtr, kKinds> types;
    for (std::size_t i = 0; i < kKinds; ++i) {
      types[i] = composite(static_cast<Kind>(i), nullptr);
    }
    return types;
  }();
  return kTypes[static_cast<std::size_t>(kind)];
}

TypePtr listOf(TypePtr element) { return composite(Kind::List, std::move(element)); }
TypePtr mapOf(TypePtr value) { return composite(Kind::Map, std::move(value)); }
TypePtr optionalOf(TypePtr value) { return composite(Kind::Optional, std::move(value)); }

const TypePtr& elementOf(const Type& type) { return type.element != nullptr ? type.element : simpleType(Kind::Dyn); }

}  // namespace slipway::cel
