#include "cmd/slipway/views/text_table.h"

#include <algorithm>

#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

// Columns on a terminal: the bytes that begin a character.
std::size_t widthOf(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }));
}

std::string cellText(const Json& cell) {
  if (cell.isString()) {
    return cell.asString();
  }
  return cell.isNull() ? "" : cell.dump();
}

}  // namespace

std::string textAt(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* found = object.at(path);
  return found != nullptr && found->isString() ? found->asString() : "";
}

void TextTable::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) {
    cell = oneLine(cell);
    if (cell.empty()) {
      cell = "-";
    }
  }
  cells.resize(headings_.size(), "-");
  rows_.push_back(std::move(cells));
}

std::string TextTable::text() const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < headings_.size(); ++column) {
    std::size_t width = widthOf(headings_[column]);
    for (const auto& row : rows_) {
      width = std::max(width, widthOf(row[column]));
    }
    widths.push_back(width);
  }
  std::string out;
  const auto addRow = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column) {
      line += row[column];
      if (column + 1 < row.size()) {
        line.append(widths[column] - widthOf(row[column]) + 3, ' ');
      }
    }
    out += line + "\n";
  };
  addRow(headings_);
  for (const auto& row : rows_) {
    addRow(row);
  }
  return out;
}

std::string tableText(const Json& table, bool wide, bool withNamespace) {
  std::vector<std::string> headings;
  std::vector<std::size_t> shown;
  if (withNamespace) {
    headings.emplace_back("NAMESPACE");
  }
  const Json* columns = table.find("columnDefinitions");
  const Json* rows = table.find("rows");
  if (columns == nullptr || !columns->isArray() || rows == nullptr || !rows->isArray()) {
    return "";
  }
  for (std::size_t index = 0; index < columns->asArray().size(); ++index) {
    const Json& column = columns->asArray()[index];
    if (wide || column.getInt("priority") == 0) {
      std::string name = column.getString("name");
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char byte) { return std::toupper(byte); });
      headings.push_back(std::move(name));
      shown.push_back(index);
    }
  }
  TextTable out(headings);
  for (const Json& row : rows->asArray()) {
    std::vector<std::string> cells;
    if (withNamespace) {
      const Json* ns = row.at({"object", "metadata", "namespace"});
      cells.push_back(ns == nullptr ? "" : cellText(*ns));
    }
    const Json* values = row.find("cells");
    for (const std::size_t index : shown) {
      const bool there = values != nullptr && values->isArray() && index < values->asArray().size();
      cells.push_back(there ? cellText(values->asArray()[index]) : "");
    }
    out.add(std::move(cells));
  }
  return out.text();
}

std::string oneLine(std::string_view text) {
  std::string out = printable(trim(text));
  std::replace(out.begin(), out.end(), '\n', ' ');
  std::replace(out.begin(), out.end(), '\t', ' ');
  return out;
}

std::string shortDuration(Duration duration) {
  using std::chrono::milliseconds;
  const auto ms = std::chrono::duration_cast<milliseconds>(duration);
  if (ms < milliseconds(1000)) {
    return cat(ms.count(), "ms");
  }
  if (ms < milliseconds(60'000)) {
    return cat(ms.count() / 1000, ".", ms.count() / 100 % 10, "s");
  }
  const auto seconds = ms.count() / 1000;
  if (seconds < 3600) {
    return cat(seconds / 60, "m", seconds % 60, "s");
  }
  return seconds < 48 * 3600 ? cat(seconds / 3600, "h", seconds / 60 % 60, "m") : cat(seconds / 86400, "d");
}

std::string ageOf(const std::string& time, WallTime now) {
  const auto parsed = parseTime(time);
  return parsed ? shortDuration(std::max(Duration(0), Duration(now - *parsed))) : "-";
}

}  // namespace slipway::cli
