#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "reconciler/cel/ast.h"
#include "reconciler/cel/functions.h"

namespace slipway::cel {

// Runs a checked tree once.
class Evaluator final : public CallContext {
 public:
  // `slots` starts with the bindings and has room for the variables of folds.
  Evaluator(std::vector<Value> slots, std::uint64_t costLimit) : slots_(std::move(slots)), limit_(costLimit) {}

  Value run(const Expr& node);

  bool exhausted() const { return exhausted_; }
  std::uint64_t spent() const { return spent_; }

  bool spend(std::uint64_t cost) override;
  std::shared_ptr<const Pattern> pattern(std::string_view expression, Value& error) override;

 private:
  Value select(const Expr& node);
  Value has(const Expr& node);
  Value call(const Expr& node);
  Value logical(const Expr& node, bool decisive);
  Value collection(const Expr& node);
  Value fold(const Expr& node);
  // True when the fold is decided and needs no further item.
  bool foldItem(const Expr& node, const Value& item, struct FoldState& state);

  std::vector<Value> slots_;
  std::uint64_t limit_;
  std::uint64_t spent_ = 0;
  bool exhausted_ = false;
  std::shared_ptr<const Pattern> literal_;  // of the call that is about to run
};

}  // namespace slipway::cel
