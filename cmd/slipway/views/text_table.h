#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"

namespace slipway::cli {

// Rows under headings, columns as wide as needed, three spaces apart. Cells are made one line each. No rows: only the
// headings.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  std::string text() const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

// A meta.k8s.io/v1 Table as kubectl prints it; columns of lower priority only when `wide`, a NAMESPACE column first
// when `withNamespace`.
std::string tableText(const Json& table, bool wide, bool withNamespace);

// The text at that path of an object; empty where there is none.
std::string textAt(const Json& object, std::initializer_list<std::string_view> path);

// One line, safe for a terminal.
std::string oneLine(std::string_view text);

// "4.2s", "350ms", "1m10s", as people read durations.
std::string shortDuration(Duration duration);
// Since an RFC 3339 time; "-" when it is none.
std::string ageOf(const std::string& time, WallTime now);

}  // namespace slipway::cli
