#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::cel {

enum class Kind {
  Dyn,  // known only when it is evaluated
  Error,
  Null,
  Bool,
  Int,
  Uint,
  Double,
  String,
  Bytes,
  Duration,
  Timestamp,
  List,
  Map,     // keys are strings or scalars
  Object,  // declared fields only
  Optional,
  Quantity,
  Url,
  Type
};

struct Type;
using TypePtr = std::shared_ptr<const Type>;

// Lists of Set and Map kind are equal whatever their order.
enum class ListOrder { Ordered, Set, Map };

// A static type. Immutable once shared.
struct Type {
  struct Field {
    std::string name;      // as expressions write it
    std::string jsonName;  // as the data has it
    TypePtr type;
  };

  // nullptr when there is no such field.
  const Field* field(std::string_view name) const;
  // "list(string)", "map(string, int)".
  std::string text() const;

  Kind kind = Kind::Dyn;
  TypePtr element;  // of lists, maps (their values) and optionals; nullptr means Dyn
  std::vector<Field> fields;
  ListOrder order = ListOrder::Ordered;
  std::vector<std::string> mapKeys;  // of ListOrder::Map
};

// Shared types without parts.
const TypePtr& simpleType(Kind kind);
TypePtr listOf(TypePtr element);
TypePtr mapOf(TypePtr value);
TypePtr optionalOf(TypePtr value);

// The element's type; Dyn when unknown.
const TypePtr& elementOf(const Type& type);
std::string_view kindName(Kind kind);

}  // namespace slipway::cel
