#include <chrono>

#include "reconciler/base/clock.h"
#include "reconciler/base/strings.h"
#include "reconciler/cel/functions.h"

namespace slipway::cel {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

enum class Part { FullYear, Month, Date, DayOfMonth, DayOfWeek, DayOfYear, Hours, Minutes, Seconds, Milliseconds };

// "UTC", "", "+02:00", "-07:30"; false for named zones, of which this program has no table.
bool zoneOffset(std::string_view zone, std::int64_t& ns) {
  if (zone.empty() || zone == "UTC" || zone == "Z") {
    ns = 0;
    return true;
  }
  Result<WallTime> shifted = parseTime(cat("1970-01-02T00:00:00", zone[0] == '+' || zone[0] == '-' ? "" : "+", zone));
  if (!shifted) {
    return false;
  }
  ns = Duration(days(1)).count() - shifted->time_since_epoch().count();
  return true;
}

template <Part kPart>
Value timestampPart(CallContext&, Arguments args) {
  std::int64_t offset = 0;
  if (args.size() > 1 && !zoneOffset(args[1].s, offset)) {
    return Value::error(cat("unknown time zone ", args[1].s, "; use UTC or an offset like +02:00"));
  }
  const WallTime time{Duration(args[0].i + offset)};
  const auto day = floor<days>(time);
  const std::chrono::year_month_day date{day};
  const Duration rest = time - day;
  switch (kPart) {
    case Part::FullYear:
      return Value::integer(static_cast<int>(date.year()));
    case Part::Month:
      return Value::integer(static_cast<unsigned>(date.month()) - 1);
    case Part::Date:
      return Value::integer(static_cast<unsigned>(date.day()));
    case Part::DayOfMonth:
      return Value::integer(static_cast<unsigned>(date.day()) - 1);
    case Part::DayOfWeek:
      return Value::integer(std::chrono::weekday(day).c_encoding());
    case Part::DayOfYear:
      return Value::integer((day - std::chrono::sys_days(date.year() / 1 / 1)).count());
    case Part::Hours:
      return Value::integer(rest / hours(1));
    case Part::Minutes:
      return Value::integer(rest / minutes(1) % 60);
    case Part::Seconds:
      return Value::integer(rest / seconds(1) % 60);
    case Part::Milliseconds:
      return Value::integer(rest / std::chrono::milliseconds(1) % 1000);
  }
  return Value::null();
}

template <Part kPart>
Value durationPart(CallContext&, Arguments args) {
  const Duration value(args[0].i);
  switch (kPart) {
    case Part::Hours:
      return Value::integer(value / hours(1));
    case Part::Minutes:
      return Value::integer(value / minutes(1));
    case Part::Seconds:
      return Value::integer(value / seconds(1));
    default:
      return Value::integer(value / std::chrono::milliseconds(1) % 1000);
  }
}

template <Part kPart>
void addTimestamp(std::vector<Overload>& out, std::string_view name) {
  out.push_back({name, true, {Kind::Timestamp}, simpleType(Kind::Int), timestampPart<kPart>});
  out.push_back({name, true, {Kind::Timestamp, Kind::String}, simpleType(Kind::Int), timestampPart<kPart>});
}

template <Part kPart>
void addBoth(std::vector<Overload>& out, std::string_view name) {
  addTimestamp<kPart>(out, name);
  out.push_back({name, true, {Kind::Duration}, simpleType(Kind::Int), durationPart<kPart>});
}

}  // namespace

std::vector<Overload> timeOverloads() {
  std::vector<Overload> out;
  addTimestamp<Part::FullYear>(out, "getFullYear");
  addTimestamp<Part::Month>(out, "getMonth");
  addTimestamp<Part::Date>(out, "getDate");
  addTimestamp<Part::DayOfMonth>(out, "getDayOfMonth");
  addTimestamp<Part::DayOfWeek>(out, "getDayOfWeek");
  addTimestamp<Part::DayOfYear>(out, "getDayOfYear");
  addBoth<Part::Hours>(out, "getHours");
  addBoth<Part::Minutes>(out, "getMinutes");
  addBoth<Part::Seconds>(out, "getSeconds");
  addBoth<Part::Milliseconds>(out, "getMilliseconds");
  return out;
}

}  // namespace slipway::cel
