#include "reconciler/analysis/reading.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "reconciler/base/strings.h"

namespace slipway::analysis {
namespace {

std::optional<double> parseNumber(std::string_view text) {
  text = trim(text);
  const bool signedPlus = text.starts_with('+');
  text.remove_prefix(signedPlus ? 1 : 0);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return std::nullopt;
  }
  return value;
}

std::string numberText(double value) {
  std::array<char, 32> text{};
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), result.ptr};
}

// [ <time>, "<number>" ]
std::optional<double> sampleOf(const Json* pair) {
  if (pair == nullptr || !pair->isArray() || pair->asArray().size() != 2 || !pair->asArray()[1].isString()) {
    return std::nullopt;
  }
  return parseNumber(pair->asArray()[1].asString());
}

Reading wrongAnswer() { return Reading::error("NotPrometheus: the answer is none of Prometheus' query API"); }

Reading readVector(const Json& result) {
  if (!result.isArray()) {
    return wrongAnswer();
  }
  if (result.asArray().empty()) {
    return Reading::noData("EmptyVector: the query has no series now");
  }
  std::vector<double> numbers;
  for (const Json& series : result.asArray()) {
    const std::optional<double> number = sampleOf(series.find("value"));
    if (!number.has_value()) {
      return wrongAnswer();
    }
    numbers.push_back(*number);
  }
  return readingOf(std::move(numbers), true);
}

std::optional<double> numberOf(const Json& json) {
  return json.isNumber() ? std::optional<double>(json.asDouble()) : std::nullopt;
}

const Json* stepInto(const Json& json, const std::string& step) {
  if (json.isObject()) {
    return json.find(step);
  }
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  const bool valid = json.isArray() && error == std::errc() && end == step.data() + step.size();
  return valid && index < json.asArray().size() ? &json.asArray()[index] : nullptr;
}

Reading readValue(const Json* json, const std::string& path) {
  if (json == nullptr || json->isNull()) {
    return Reading::noData(cat("NoValue: the answer has nothing at ", path));
  }
  const auto wrongType = [&] { return Reading::error(cat("WrongType: the answer has no number at ", path)); };
  if (!json->isArray()) {
    const std::optional<double> number = numberOf(*json);
    return number.has_value() ? readingOf({*number}, false) : wrongType();
  }
  if (json->asArray().empty()) {
    return Reading::noData(cat("EmptyList: the answer has an empty list at ", path));
  }
  std::vector<double> numbers;
  for (const Json& item : json->asArray()) {
    const std::optional<double> number = numberOf(item);
    if (!number.has_value()) {
      return wrongType();
    }
    numbers.push_back(*number);
  }
  return readingOf(std::move(numbers), true);
}

}  // namespace

Reading readingOf(std::vector<double> numbers, bool list) {
  if (std::any_of(numbers.begin(), numbers.end(), [](double number) { return std::isinf(number); })) {
    return Reading::error("NotFinite: the number is infinite");
  }
  if (std::any_of(numbers.begin(), numbers.end(), [](double number) { return std::isnan(number); })) {
    return Reading::noData("NaN: it is not a number, such as 0/0");
  }
  return {Reading::Kind::Numbers, std::move(numbers), list, {}};
}

Reading readPrometheus(int status, const std::string& body) {
  if (status < 200 || status > 299) {
    return Reading::error(cat("HttpStatus: Prometheus answered ", status,
                              status == 400 || status == 422 ? ", which says that the query is wrong" : ""));
  }
  const Result<Json> json = parseJson(body);
  const Json* data = json ? json->find("data") : nullptr;
  const Json* result = data == nullptr ? nullptr : data->find("result");
  if (result == nullptr || json->getString("status") != "success") {
    return wrongAnswer();
  }
  const std::string type = data->getString("resultType");
  if (type == "vector") {
    return readVector(*result);
  }
  if (type == "scalar") {
    const std::optional<double> number = sampleOf(result);
    return number.has_value() ? readingOf({*number}, false) : wrongAnswer();
  }
  return Reading::error("WrongType: the query gives neither a scalar nor an instant vector");
}

std::optional<std::vector<std::string>> pathSteps(std::string_view path) {
  constexpr std::size_t kDepth = 64;
  std::vector<std::string> out;
  if (!path.starts_with('$')) {
    return std::nullopt;
  }
  path.remove_prefix(1);
  while (!path.empty() && out.size() < kDepth) {
    std::size_t end = 0;
    std::string_view step;
    if (path[0] == '.') {
      end = std::min(path.find_first_of(".[", 1), path.size());
      step = path.substr(1, end - 1);
    } else if (path.starts_with("['")) {
      end = path.find("']");
      step = end == std::string_view::npos ? "" : path.substr(2, end - 2);
      end = end == std::string_view::npos ? end : end + 2;
    } else if (path[0] == '[') {
      end = path.find(']');
      step = end == std::string_view::npos ? "" : path.substr(1, end - 1);
      end = end == std::string_view::npos ? end : end + 1;
    }
    if (step.empty()) {
      return std::nullopt;
    }
    out.emplace_back(step);
    path.remove_prefix(end);
  }
  return path.empty() ? std::optional(out) : std::nullopt;
}

Reading readJson(int status, const std::string& body, const std::string& path) {
  if (status < 200 || status > 299) {
    return Reading::error(cat("HttpStatus: the answer's status is ", status));
  }
  const Result<Json> json = parseJson(body);
  const std::optional<std::vector<std::string>> steps = pathSteps(path);
  if (!json || !steps.has_value()) {
    return Reading::error("NotJson: the answer is not JSON, or over 64 KiB");
  }
  const Json* at = &*json;
  for (const std::string& step : *steps) {
    at = at == nullptr ? nullptr : stepInto(*at, step);
  }
  return readValue(at, path);
}

Reading readOutput(std::string_view output) {
  while (!output.empty() && trim(output).size() < output.size()) {
    output = trim(output);
  }
  const std::size_t line = output.rfind('\n');
  const std::string_view last = line == std::string_view::npos ? output : output.substr(line + 1);
  if (trim(last).empty()) {
    return Reading::noData("NoOutput: the command printed nothing");
  }
  const std::optional<double> number = parseNumber(last);
  return number.has_value() ? readingOf({*number}, false)
                            : Reading::error("NoNumber: the last line that the command printed is no number");
}

std::string textOf(const Reading& reading) {
  constexpr std::size_t kShown = 16;
  if (reading.kind != Reading::Kind::Numbers) {
    return "";
  }
  if (!reading.list) {
    return numberText(reading.numbers.front());
  }
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(kShown, reading.numbers.size()); ++i) {
    shown.push_back(numberText(reading.numbers[i]));
  }
  return cat("[", join(shown, ", "), reading.numbers.size() > kShown ? ", …]" : "]");
}

}  // namespace slipway::analysis
