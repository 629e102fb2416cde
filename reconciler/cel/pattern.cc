#include "reconciler/cel/pattern.h"

#include <re2/re2.h>

namespace slipway::cel {
namespace {

RE2::Options quietOptions() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(std::int64_t{2} << 20);
  return options;
}

class Re2Pattern final : public Pattern {
 public:
  explicit Re2Pattern(std::string_view expression)
      : compiled_(re2::StringPiece(expression.data(), expression.size()), quietOptions()) {}

  bool matches(std::string_view text) const override {
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled_);
  }

  bool find(std::string_view text, std::size_t from, std::size_t& at, std::size_t& length) const override {
    re2::StringPiece found;
    const re2::StringPiece all(text.data(), text.size());
    if (!compiled_.Match(all, from, text.size(), RE2::UNANCHORED, &found, 1)) {
      return false;
    }
    at = static_cast<std::size_t>(found.data() - text.data());
    length = found.size();
    return true;
  }

  const RE2& compiled() const { return compiled_; }

 private:
  RE2 compiled_;
};

}  // namespace

Result<std::shared_ptr<const Pattern>> Pattern::compile(std::string_view expression) {
  auto pattern = std::make_shared<const Re2Pattern>(expression);
  if (!pattern->compiled().ok()) {
    return Status(Code::Invalid, pattern->compiled().error());
  }
  return std::shared_ptr<const Pattern>(std::move(pattern));
}

}  // namespace slipway::cel
