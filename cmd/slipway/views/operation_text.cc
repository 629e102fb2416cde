#include "cmd/slipway/views/operation_text.h"

#include <array>
#include <charconv>

#include "cmd/slipway/views/text_table.h"
#include "reconciler/base/strings.h"

namespace slipway::cli {
namespace {

std::string valueOf(const OperationFact& fact, const std::string& name) {
  const auto found = fact.values.find(name);
  return found == fact.values.end() ? "" : found->second;
}

std::int64_t numberOf(const OperationFact& fact, const std::string& name, std::int64_t other = -1) {
  const std::string text = valueOf(fact, name);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty() ? value : other;
}

std::string sizeOf(const OperationFact& fact, const std::string& name) {
  const std::int64_t bytes = numberOf(fact, name);
  return bytes < 0 ? "-" : sizeText(bytes);
}

std::string sinceOf(const OperationFact& fact, WallTime now) {
  const std::int64_t seconds = numberOf(fact, "since");
  const auto at = WallTime(std::chrono::duration_cast<WallTime::duration>(std::chrono::seconds(seconds)));
  return seconds < 0 ? "-" : shortDuration(std::max(Duration(0), std::chrono::duration_cast<Duration>(now - at)));
}

std::string orDash(const std::string& text) { return text.empty() ? "-" : text; }

// What went wrong, and where nothing is to be shown.
std::string problems(const Operation& operation) {
  std::string out;
  for (const OperationTarget& target : operation.status.targets) {
    if (!target.message.empty() && target.state != OperationState::Done) {
      out += cat(target.name, ": ", oneLine(target.message), "\n");
    }
  }
  return out;
}

std::string processes(const Operation& operation, WallTime now) {
  TextTable table({"SERVER", "MANAGER", "PID", "RELEASE", "UP", "RESTARTS", "MEMORY", "STATE", "COMMAND"});
  for (const OperationTarget& target : operation.status.targets) {
    std::string manager;
    std::string state;
    bool any = false;
    for (const OperationFact& fact : target.facts) {
      if (fact.type == "Manager") {
        manager = cat(valueOf(fact, "name"), valueOf(fact, "unit").empty() ? "" : cat(" ", valueOf(fact, "unit")));
        state = valueOf(fact, "state");
      } else if (fact.type == "Process") {
        any = true;
        table.add({target.name, manager, orDash(valueOf(fact, "pid")), orDash(valueOf(fact, "release")),
                   sinceOf(fact, now), orDash(valueOf(fact, "restarts")), sizeOf(fact, "memory"),
                   orDash(valueOf(fact, "state").empty() ? state : valueOf(fact, "state")),
                   valueOf(fact, "command").substr(0, 60)});
      }
    }
    if (!any && target.state == OperationState::Done) {
      table.add({target.name, orDash(manager), "-", "-", "-", "-", "-", state.empty() ? "nothing runs" : state, ""});
    }
  }
  return table.text();
}

// One line for a fact of a machine.
std::array<std::string, 3> machineLine(const OperationFact& fact) {
  const auto value = [&](const std::string& name) { return valueOf(fact, name); };
  if (fact.type == "Disk") {
    return {"disk", value("path"),
            cat(sizeOf(fact, "free"), " free of ", sizeOf(fact, "size"), ", ", value("used"), " used, ",
                orDash(value("inodesFree")), " inodes free, on ", value("mount"))};
  }
  if (fact.type == "Memory") {
    return {"memory", "",
            cat(sizeOf(fact, "available"), " available of ", sizeOf(fact, "total"), ", swap ", sizeOf(fact, "swapFree"),
                " free of ", sizeOf(fact, "swapTotal"))};
  }
  if (fact.type == "Load") {
    return {"load", "",
            cat(value("one"), " ", value("five"), " ", value("fifteen"), " on ", value("processors"),
                " processors, up ", shortDuration(std::chrono::seconds(numberOf(fact, "uptime", 0))))};
  }
  if (fact.type == "Port") {
    return {"port", value("port"),
            cat(orDash(value("process")), value("pid").empty() ? "" : cat(" (", value("pid"), ")"), " on ",
                orDash(value("address")))};
  }
  if (fact.type == "Release") {
    return {"release", value("name"),
            cat(sizeOf(fact, "size"), value("link").empty() ? "" : cat(", ", value("link")),
                value("ready") == "yes" ? "" : ", not complete")};
  }
  return {"process", value("pid"),
          cat("runs ", orDash(value("release")), ", ", sizeOf(fact, "memory"), ": ", value("command").substr(0, 60))};
}

std::string machines(const Operation& operation) {
  TextTable table({"SERVER", "WHAT", "NAME", "VALUE"});
  for (const OperationTarget& target : operation.status.targets) {
    for (const OperationFact& fact : target.facts) {
      if (fact.type != "Manager") {
        const auto [what, name, value] = machineLine(fact);
        table.add({target.name, what, name, value});
      }
    }
  }
  return table.text();
}

std::string deviations(const Operation& operation) {
  TextTable table({"SERVER", "PATH", "MODE", operation.spec.fix ? "NOW" : "EXPECTED"});
  for (const OperationTarget& target : operation.status.targets) {
    for (const OperationFact& fact : target.facts) {
      if (fact.type == "Deviation") {
        table.add({target.name, valueOf(fact, "path"), valueOf(fact, "mode"), valueOf(fact, "expected")});
      }
    }
  }
  return table.empty() ? "no deviations\n" : table.text();
}

std::string freed(const Operation& operation) {
  TextTable table({"SERVER", "RELEASES REMOVED", "FREED", "FREE"});
  for (const OperationTarget& target : operation.status.targets) {
    for (const OperationFact& fact : target.facts) {
      table.add({target.name, valueOf(fact, "releases"), sizeOf(fact, "bytes"), sizeOf(fact, "free")});
    }
  }
  return table.text();
}

std::string changed(const Operation& operation) {
  static constexpr std::array<std::string_view, 5> kStates{"not begun", "running", "done", "failed", "unknown"};
  TextTable table({"SERVER", "STATE", "RELEASE", "SLOT"});
  for (const OperationTarget& target : operation.status.targets) {
    const std::string state(kStates[static_cast<std::size_t>(target.state)]);
    table.add({target.name, target.alreadyDone ? cat(state, ", it was so") : state, orDash(target.release),
               orDash(target.slot)});
  }
  return table.text();
}

}  // namespace

std::string sizeText(std::int64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  std::int64_t tenths = bytes < 0 ? 0 : bytes * 10;
  while (tenths >= 10240 && unit + 1 < kUnits.size()) {
    tenths /= 1024;
    ++unit;
  }
  return unit == 0 || tenths >= 1000 ? cat(tenths / 10, " ", kUnits[unit])
                                     : cat(tenths / 10, ".", tenths % 10, " ", kUnits[unit]);
}

std::string operationText(const Operation& operation, WallTime now) {
  std::string out;
  switch (operation.spec.action) {
    case OperationAction::Processes:
      out = processes(operation, now);
      break;
    case OperationAction::System:
      out = machines(operation);
      break;
    case OperationAction::Permissions:
      out = deviations(operation);
      break;
    case OperationAction::Cleanup:
      out = freed(operation);
      break;
    case OperationAction::Restart:
    case OperationAction::Reload:
    case OperationAction::Stop:
    case OperationAction::Start:
    case OperationAction::Fallback:
      out = changed(operation);
      break;
    case OperationAction::Logs:
      break;
  }
  return out + problems(operation);
}

}  // namespace slipway::cli
