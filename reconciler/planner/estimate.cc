#include "reconciler/planner/estimate.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "reconciler/base/strings.h"

namespace slipway::planner {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr std::int64_t kKilo = 1000;
constexpr std::int64_t kKibi = 1024;
constexpr std::array kByteUnits{Unit{"", 1},
                                Unit{"K", kKilo},
                                Unit{"M", kKilo* kKilo},
                                Unit{"G", kKilo* kKilo* kKilo},
                                Unit{"T", kKilo* kKilo* kKilo* kKilo},
                                Unit{"Ki", kKibi},
                                Unit{"Mi", kKibi* kKibi},
                                Unit{"Gi", kKibi* kKibi* kKibi},
                                Unit{"Ti", kKibi* kKibi* kKibi* kKibi}};

// Digits with at most one point among them, then a unit. The number in thousandths of 1; -1 when it is none.
std::int64_t milliOf(std::string_view digits) {
  const std::size_t point = digits.find('.');
  const std::string_view whole = digits.substr(0, point);
  const std::string_view part = point == std::string_view::npos ? "" : digits.substr(point + 1);
  std::int64_t value = 0;
  const auto parsed = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  const bool good = parsed.ec == std::errc() && parsed.ptr == whole.data() + whole.size();
  const bool goodPart = point == std::string_view::npos || (!part.empty() && part.size() <= 3);
  if (!good || !goodPart || value > std::numeric_limits<std::int64_t>::max() / 1'000'000) {
    return -1;
  }
  std::int64_t thousandths = 0;
  std::int64_t scale = 100;
  for (char c : part) {
    if (c < '0' || c > '9') {
      return -1;
    }
    thousandths += (c - '0') * scale;
    scale /= 10;
  }
  return value * 1000 + thousandths;
}

std::pair<std::string_view, std::string_view> splitUnit(std::string_view text) {
  const std::size_t end = text.find_first_not_of("0123456789.");
  return {text.substr(0, end), end == std::string_view::npos ? "" : text.substr(end)};
}

std::int64_t scaled(std::int64_t value, std::int64_t tenths) { return (value * tenths + 9) / 10; }

std::string decimal(double value) {
  const auto tenths = static_cast<std::int64_t>(std::llround(value * 10));
  return tenths % 10 == 0 ? std::to_string(tenths / 10) : cat(tenths / 10, ".", tenths % 10);
}

}  // namespace

Result<std::int64_t> parseCpu(std::string_view text) {
  const auto [digits, unit] = splitUnit(text);
  const std::int64_t milli = milliOf(digits);
  if (milli >= 0 && unit.empty()) {
    return milli;
  }
  if (milli >= 0 && unit == "m" && digits.find('.') == std::string_view::npos) {
    return milli / 1000;
  }
  return Status(Code::Invalid, cat("'", printable(text), "' is no amount of processors: use 2, 1.5 or 250m"));
}

Result<std::int64_t> parseBytes(std::string_view text) {
  const auto [digits, name] = splitUnit(text);
  const std::int64_t milli = milliOf(digits);
  for (const Unit& unit : kByteUnits) {
    if (milli >= 0 && unit.name == name &&
        milli / 1000 < std::numeric_limits<std::int64_t>::max() / unit.factor / 1001) {
      return milli * unit.factor / 1000;
    }
  }
  return Status(Code::Invalid, cat("'", printable(text),
                                   "' is no amount of bytes: use a number with K, M, G, T, Ki, Mi, Gi, Ti or none"));
}

std::string cpuText(std::int64_t milli) { return milli % 1000 == 0 ? std::to_string(milli / 1000) : cat(milli, "m"); }

std::string bytesText(std::int64_t bytes) {
  constexpr std::array<std::string_view, 5> kNames{"", "K", "M", "G", "T"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < kNames.size()) {
    value /= 1000;
    ++unit;
  }
  return cat(decimal(value), kNames[unit]);
}

Estimate estimate(StrategyType type, const Resources& base) {
  const auto times = [&](std::int64_t tenths, std::int64_t diskTenths) {
    return Resources{scaled(base.cpuMilli, tenths), scaled(base.memory, tenths), scaled(base.disk, diskTenths)};
  };
  switch (type) {
    case StrategyType::BlueGreen:
      return {times(20, 20), 2, "x2"};
    case StrategyType::Canary:
      return {times(12, 15), 2, "x1.2, disk x1.5"};
    case StrategyType::Rolling:
      return {times(15, 15), 2, "x1.5"};
    case StrategyType::Atomic:
    case StrategyType::Recreate:
      break;
  }
  return {base, 1, "x1"};
}

StrategyType takesRoomAs(const slipway::Strategy& strategy) {
  return strategy.hasGroups() ? StrategyType::Atomic : strategy.type;
}

std::vector<std::string> shortages(const Resources& needs, const Resources& available) {
  std::vector<std::string> out;
  if (needs.cpuMilli > available.cpuMilli) {
    out.push_back(cat("cpu: needs ", cpuText(needs.cpuMilli), ", there is ", cpuText(available.cpuMilli)));
  }
  if (needs.memory > available.memory) {
    out.push_back(cat("memory: needs ", bytesText(needs.memory), ", there is ", bytesText(available.memory)));
  }
  if (needs.disk > available.disk) {
    out.push_back(cat("disk: needs ", bytesText(needs.disk), ", there is ", bytesText(available.disk)));
  }
  return out;
}

Result<Resources> readResources(const ResourceNeeds& needs, std::string_view path) {
  Resources out;
  std::vector<std::string> problems;
  const auto read = [&](std::string_view name, const Result<std::int64_t>& amount, std::int64_t& into) {
    if (amount) {
      into = *amount;
    } else {
      problems.push_back(cat(path, name, ": ", amount.status().message()));
    }
  };
  read("cpu", parseCpu(needs.cpu), out.cpuMilli);
  read("memory", parseBytes(needs.memory), out.memory);
  read("disk", parseBytes(needs.disk), out.disk);
  if (!problems.empty()) {
    return Status(Code::Invalid, join(problems, "; "));
  }
  return out;
}

ServerRoom roomOf(const std::string& server, const ServerCapacity& capacity) {
  const auto known = [](std::int64_t amount) { return amount < 0 ? std::numeric_limits<std::int64_t>::max() : amount; };
  return {server, {known(capacity.cpuMilli), known(capacity.memory), known(capacity.diskFree)}};
}

RoomVerdict judgeRoom(StrategyType type, const Resources& base, const std::vector<ServerRoom>& servers) {
  const Resources needs = estimate(type, base).needs;
  RoomVerdict out;
  bool oneFits = true;
  for (const ServerRoom& room : servers) {
    for (const std::string& lacking : shortages(needs, room.has)) {
      out.errors.push_back(room.server.empty() ? lacking : cat(room.server, ": ", lacking));
    }
    oneFits = oneFits && shortages(base, room.has).empty();
  }
  if (!out.errors.empty()) {
    out.recommendation = oneFits ? "provision more, or use Atomic or Recreate, which run one instance"
                                 : "provision more: not even one instance fits";
  }
  return out;
}

std::vector<StrategyCard> strategyCards() {
  return {
      {StrategyType::Atomic,
       "prepare everywhere, switch all at once, undo all when one fails",
       "",
       {"onPartialSwitch", "switchOrder", "maxSkew", "switchTimeout"}},
      {StrategyType::Recreate,
       "stop, replace, start; the application is down meanwhile",
       "process.command.start and stop, or a process manager",
       {"onPartialSwitch", "switchOrder"}},
      {StrategyType::Rolling,
       "batch after batch, each verified before the next",
       "",
       {"rolling.batchSize", "rolling.maxUnavailable", "rolling.maxSurge", "rolling.pauseBetween", "rolling.minReady",
        "rolling.order", "rolling.orderByLabel", "rolling.last", "rolling.zoneLabel"}},
      {StrategyType::BlueGreen,
       "the new version beside the live one, then all traffic in one change",
       "traffic; slots with process.command.start and stop or a process manager, or two groups of servers",
       {"blueGreen.autoPromote", "blueGreen.autoPromoteAfter", "blueGreen.preview", "blueGreen.scaleDownDelay",
        "blueGreen.groups", "blueGreen.oldGroup"}},
      {StrategyType::Canary,
       "traffic to the new version in steps",
       "traffic, and slots or two servers",
       {"canary.steps", "canary.maxSurge", "canary.maxUnavailable", "canary.gradualAbort", "canary.scaleDownDelay",
        "canary.stickiness"}},
  };
}

}  // namespace slipway::planner
