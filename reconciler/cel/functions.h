#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "reconciler/cel/pattern.h"
#include "reconciler/cel/value.h"

namespace slipway::cel {

// What a function may use besides its arguments.
class CallContext {
 public:
  virtual ~CallContext() = default;
  // False when the budget is used up; the function then returns at once, with anything.
  virtual bool spend(std::uint64_t cost) = 0;
  // The compiled expression, by cache where it is a literal; an error value when it does not compile.
  virtual std::shared_ptr<const Pattern> pattern(std::string_view expression, Value& error) = 0;
};

using Arguments = std::span<const Value>;

enum class Derive { No, Element, Same, ListOfSame };  // the result's type from the first argument's

// One form of a function. For member calls the target is the first argument.
struct Overload {
  struct Arg {
    Arg(Kind k, Kind e = Kind::Dyn) : kind(k), element(e) {}  // NOLINT(google-explicit-constructor)
    Kind kind;
    Kind element;
  };

  std::string_view name;
  bool member = false;
  std::vector<Arg> args;
  TypePtr result;
  Value (*run)(CallContext&, Arguments) = nullptr;
  Derive derive = Derive::No;
};

// All forms with that name and shape; empty when there is no such function.
std::vector<const Overload*> overloadsNamed(std::string_view name, bool member);
// Whether the argument kinds fit, Dyn fitting everything.
bool accepts(const Overload& overload, Arguments values);

std::vector<Overload> operatorOverloads();
std::vector<Overload> conversionOverloads();
std::vector<Overload> stringOverloads();
std::vector<Overload> listOverloads();
std::vector<Overload> timeOverloads();
std::vector<Overload> kubernetesOverloads();  // quantities and URLs

}  // namespace slipway::cel
