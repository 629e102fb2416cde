#include "reconciler/analysis/condition.h"

#include "reconciler/base/strings.h"
#include "reconciler/cel/type.h"

namespace slipway::analysis {
namespace {

Result<std::shared_ptr<const cel::Program>> compileFor(const std::string& text, const cel::TypePtr& type) {
  Result<std::shared_ptr<const cel::Program>> program = cel::compile(text, {{"result", type}});
  SLIPWAY_RETURN_IF_ERROR(program.status());
  if ((*program)->type().kind != cel::Kind::Bool) {
    return Status(Code::Invalid, "must evaluate to a bool");
  }
  if (!(*program)->uses("result")) {
    return Status(Code::Invalid, "must look at result");
  }
  return program;
}

Result<bool> run(const cel::Program& program, const Json& result) {
  constexpr std::uint64_t kCost = 10'000;
  Result<Json> value = program.evaluate({&result}, kCost);
  if (!value || !value->isBool()) {
    return Status(Code::Invalid, "the condition failed on these numbers");
  }
  return value->asBool();
}

}  // namespace

Result<Condition> Condition::compile(const std::string& text) {
  const cel::TypePtr number = cel::simpleType(cel::Kind::Double);
  auto forNumber = compileFor(text, number);
  auto forList = compileFor(text, cel::listOf(number));
  if (!forNumber && !forList) {
    const bool meantList = text.find("result[") != std::string::npos || text.find("result.") != std::string::npos ||
                           text.find("(result)") != std::string::npos;
    return meantList ? forList.status() : forNumber.status();
  }
  Condition out;
  out.number_ = forNumber ? *forNumber : nullptr;
  out.list_ = forList ? *forList : nullptr;
  return out;
}

Result<bool> Condition::holds(const Reading& reading) const {
  const bool one = reading.numbers.size() == 1;
  if (number_ != nullptr && one && (!reading.list || list_ == nullptr)) {
    return run(*number_, Json(reading.numbers.front()));
  }
  if (list_ == nullptr) {
    return Status(Code::Invalid, cat("the condition is about one number, and there are ", reading.numbers.size()));
  }
  if (!reading.list) {
    return Status(Code::Invalid, "the condition is about a list, and there is one number");
  }
  Json list = Json::array();
  for (const double number : reading.numbers) {
    list.push(Json(number));
  }
  return run(*list_, list);
}

}  // namespace slipway::analysis
