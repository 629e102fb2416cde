#pragma once

#include <memory>
#include <string>
#include <vector>

#include "reconciler/cel/pattern.h"
#include "reconciler/cel/value.h"

namespace slipway::cel {

struct Overload;

enum class Op { Literal, Ident, Select, Has, Call, List, Map, Fold };
enum class Fold { All, Exists, ExistsOne, Map, Filter };

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

// A node of the syntax tree. The checker fills in what it found out.
struct Expr {
  Op op = Op::Literal;
  std::size_t at = 0;     // offset in the text
  std::size_t depth = 1;  // of the tree below
  Value literal;
  std::string name;           // Ident, Select and Has (the field), Call (the function), Fold (its variable)
  ExprPtr target;             // Select, Has, member Call, Fold (what it runs over)
  std::vector<ExprPtr> args;  // Call, List; Map: key, value, key, value…; Fold: condition (and what it maps to)
  bool optional = false;      // Select written .?name
  Fold fold = Fold::All;

  TypePtr type;
  std::size_t slot = 0;                    // Ident and Fold: place of the variable
  std::string jsonName;                    // Select and Has
  std::vector<const Overload*> overloads;  // Call
  std::shared_ptr<const Pattern> pattern;  // Call of a regex function with a literal pattern
};

}  // namespace slipway::cel
