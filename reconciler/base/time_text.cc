#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "reconciler/base/clock.h"

namespace slipway {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

Status badTime(std::string_view text) {
  return {Code::Invalid, "'" + std::string(text) + "' is not an RFC 3339 time such as 2026-01-02T03:04:05Z"};
}

Status badDuration(std::string_view text) {
  return {Code::Invalid, "'" + std::string(text) + "' is not a duration such as 30s, 5m or 1h30m"};
}

// At least `digits` decimal digits.
void appendNumber(std::string& out, std::int64_t number, std::size_t digits) {
  const std::string text = std::to_string(number);
  out.append(digits - std::min(digits, text.size()), '0');
  out += text;
}

// Reads exactly `digits` decimal digits.
bool readNumber(std::string_view& text, std::size_t digits, int& out) {
  if (text.size() < digits) {
    return false;
  }
  out = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (text[i] < '0' || text[i] > '9') {
      return false;
    }
    out = out * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return true;
}

bool readChar(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

bool readZone(std::string_view text, seconds& offset) {
  if (text == "Z" || text == "z") {
    offset = seconds(0);
    return true;
  }
  const bool negative = !text.empty() && text.front() == '-';
  int hours = 0;
  int minutes = 0;
  if ((!readChar(text, '+') && !readChar(text, '-')) || !readNumber(text, 2, hours) || !readChar(text, ':') ||
      !readNumber(text, 2, minutes) || !text.empty() || hours > 23 || minutes > 59) {
    return false;
  }
  offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  if (negative) {
    offset = -offset;
  }
  return true;
}

}  // namespace

std::string formatTime(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<seconds>(time - day));
  std::string out;
  out.reserve(sizeof "2026-01-02T03:04:05.000000Z");
  appendNumber(out, static_cast<int>(date.year()), 4);
  out += '-';
  appendNumber(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  appendNumber(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  appendNumber(out, clock.hours().count(), 2);
  out += ':';
  appendNumber(out, clock.minutes().count(), 2);
  out += ':';
  appendNumber(out, clock.seconds().count(), 2);
  out += 'Z';
  return out;
}

std::string formatMicroTime(WallTime time) {
  std::string out = formatTime(time);
  const auto micros = duration_cast<std::chrono::microseconds>(time - std::chrono::floor<seconds>(time)).count();
  out.back() = '.';
  appendNumber(out, micros, 6);
  out += 'Z';
  return out;
}

Result<WallTime> parseTime(std::string_view given) {
  std::string_view text = given;
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!readNumber(text, 4, year) || !readChar(text, '-') || !readNumber(text, 2, month) || !readChar(text, '-') ||
      !readNumber(text, 2, day) || !(readChar(text, 'T') || readChar(text, 't')) || !readNumber(text, 2, hour) ||
      !readChar(text, ':') || !readNumber(text, 2, minute) || !readChar(text, ':') || !readNumber(text, 2, second)) {
    return badTime(given);
  }
  Duration fraction{0};
  if (readChar(text, '.')) {
    std::int64_t unit = 100'000'000;
    std::size_t digits = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      fraction += Duration(unit * (text.front() - '0'));
      unit /= 10;
      ++digits;
      text.remove_prefix(1);
    }
    if (digits == 0) {
      return badTime(given);
    }
  }
  seconds offset{0};
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!readZone(text, offset) || !date.ok() || hour > 23 || minute > 59 || second > 60) {
    return badTime(given);
  }
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         seconds(second) + fraction - offset;
}

Result<Duration> parseDuration(std::string_view given) {
  std::string_view text = given;
  if (text == "0") {
    return Duration(0);
  }
  static constexpr std::array<std::pair<std::string_view, double>, 6> kUnits{
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}}};
  double total = 0;
  bool any = false;
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    if (digits == 0 || digits > 18 || text.substr(0, digits) == ".") {
      return badDuration(given);
    }
    double number = 0;
    if (std::from_chars(text.data(), text.data() + digits, number, std::chars_format::fixed).ec != std::errc()) {
      return badDuration(given);
    }
    text.remove_prefix(digits);
    const std::string_view unit = text.substr(0, std::min(text.find_first_of("0123456789."), text.size()));
    double scale = 0;
    for (const auto& [name, value] : kUnits) {
      scale = name == unit ? value : scale;
    }
    if (scale == 0) {
      return badDuration(given);
    }
    text.remove_prefix(unit.size());
    total += number * scale;
    any = true;
  }
  if (!any || total > 9.2e18) {
    return badDuration(given);
  }
  return Duration(static_cast<std::int64_t>(std::llround(total)));
}

std::string formatDuration(Duration duration) {
  const auto millis = duration_cast<std::chrono::milliseconds>(duration).count();
  if (millis < 1000) {
    return millis == 0 ? "0s" : std::to_string(millis) + "ms";
  }
  const std::int64_t hours = millis / 3'600'000;
  const std::int64_t minutes = millis / 60'000 % 60;
  const std::int64_t rest = millis % 60'000;
  std::string out;
  if (hours > 0) {
    out += std::to_string(hours) + "h";
  }
  if (minutes > 0) {
    out += std::to_string(minutes) + "m";
  }
  if (rest > 0) {
    std::array<char, 32> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.3f", static_cast<double>(rest) / 1000);
    std::string text = buffer.data();
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') {
      text.pop_back();
    }
    out += text + "s";
  }
  return out;
}

}  // namespace slipway
