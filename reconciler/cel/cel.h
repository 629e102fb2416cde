#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/json.h"
#include "reconciler/base/status.h"
#include "reconciler/cel/type.h"

namespace slipway::cel {

// A name that an expression may use. With an Optional type an absent binding is optional.none().
struct Variable {
  std::string name;
  TypePtr type;  // simpleType(Kind::Dyn) where nothing is known
};

// What one evaluation may cost; the unit is about one step, as in Kubernetes.
constexpr std::uint64_t kDefaultCost = 1'000'000;

// A compiled expression of the Common Expression Language with Kubernetes' libraries (strings, lists, regex, sets,
// quantity, URL, optional). Immutable, thread-safe, shared.
class Program {
 public:
  virtual ~Program() = default;

  virtual const std::string& text() const = 0;
  // What it yields, Dyn where only evaluation can tell.
  virtual const Type& type() const = 0;

  // Whether the expression mentions the declared variable.
  virtual bool uses(std::string_view variable) const = 0;

  // Evaluates with one binding per declared variable, in their order; nullptr for an absent one. `cost` (when given)
  // gets what was spent. Invalid: the expression failed on this data. Cancelled: it cost more than the limit.
  virtual Result<Json> evaluate(const std::vector<const Json*>& bindings, std::uint64_t costLimit = kDefaultCost,
                                std::uint64_t* cost = nullptr) const = 0;
};

// Parses and checks an expression. Invalid with line, column and the place shown: syntax, unknown names, fields and
// functions, operands that do not go together, a regular expression that does not compile.
Result<std::shared_ptr<const Program>> compile(std::string_view expression, const std::vector<Variable>& variables);

// How Kubernetes writes a property name in an expression: "a-b" → "a__dash__b", "namespace" → "__namespace__". Empty
// when the name cannot be written at all.
std::string escapeName(std::string_view property);

}  // namespace slipway::cel
