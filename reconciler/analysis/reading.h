#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/json.h"

namespace slipway::analysis {

// What a provider answered: finite numbers, no data, or an error. `problem` is a class and a sentence that says nothing
// of what was answered: "EmptyVector: the query has no series".
struct Reading {
  enum class Kind { Numbers, NoData, Error };
  Kind kind = Kind::Error;
  std::vector<double> numbers;  // Numbers: at least one, all finite
  bool list = false;            // a list, also where it has one number
  std::string problem;

  static Reading error(std::string problem) { return {Kind::Error, {}, false, std::move(problem)}; }
  static Reading noData(std::string problem) { return {Kind::NoData, {}, false, std::move(problem)}; }
};

// NaN is no data, as Prometheus writes 0/0; an infinity is an error.
Reading readingOf(std::vector<double> numbers, bool list);

// An answer of Prometheus' instant query API.
Reading readPrometheus(int status, const std::string& body);

// The member at a path like $.a.b[0]['c d'] of a JSON answer: a number, or a list of numbers.
Reading readJson(int status, const std::string& body, const std::string& path);
// Nothing: the path is not well-formed.
std::optional<std::vector<std::string>> pathSteps(std::string_view path);

// The last line of what a command printed that is not empty.
Reading readOutput(std::string_view output);

// "0.99", or "[1, 2]" of a list; at most so many numbers of it.
std::string textOf(const Reading& reading);

}  // namespace slipway::analysis
