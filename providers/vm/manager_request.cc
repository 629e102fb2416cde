#include "providers/vm/manager_request.h"

#include <array>

#include "reconciler/base/strings.h"

namespace slipway::vm {
namespace {

std::string flag(bool value) { return value ? "1" : "0"; }

// Within double quotes of a unit file. `%` begins a specifier there.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '\n':
        out += "\\n";
        continue;
      case '\t':
        out += "\\t";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '"':
      case '\\':
        out += '\\';
        break;
      case '%':
        out += '%';
        break;
      default:
        break;
    }
    out += c;
  }
  return out + '"';
}

// Likewise in a command line, where systemd would replace variables before the shell does.
std::string byShell(std::string_view command) {
  std::string out;
  for (const char c : quoted(cat("exec ", command))) {
    out.append(c == '$' ? 2 : 1, c);
  }
  return cat("/bin/sh -c ", out);
}

// What the application is told besides what the user says.
std::map<std::string, std::string> environmentOf(const std::map<std::string, std::string>& own,
                                                 const ManagerCall& call) {
  std::map<std::string, std::string> out = own;
  out.emplace("ENVIRONMENT", call.request.layout.environment);
  if (!call.slot.name.empty()) {
    out["SLOT"] = call.slot.name;
    out["PORT"] = std::to_string(call.slot.port);
  }
  return out;
}

std::string joined(const std::vector<std::string>& values, std::string_view separator) {
  std::string out;
  for (const std::string& value : values) {
    out += cat(out.empty() ? "" : separator, value);
  }
  return out;
}

std::vector<std::string> settingsOf(const SystemdUnit& unit, const ManagerCall& call) {
  const UnitText text = unit.render ? renderUnit(unit, call) : UnitText{};
  return {unit.unit,
          unit.scope == SystemdScope::User ? "User" : "System",
          unit.onSwitch == OnSwitch::Reload ? "Reload" : "Restart",
          flag(call.goingBack),
          unit.execStart,
          text.before,
          text.after};
}

std::vector<std::string> settingsOf(const Pm2App& app, const ManagerCall& call) {
  const std::string name = call.slot.name.empty() ? app.app : cat(app.app, "-", call.slot.name);
  Json::Object env;
  for (const auto& [key, value] : environmentOf(app.env, call)) {
    env.append(key, value);
  }
  Json json = Json::object({{"name", name},
                            {"script", app.script},
                            {"instances", app.instances},
                            {"exec_mode", app.mode == Pm2Mode::Cluster ? "cluster" : "fork"},
                            {"env", std::move(env)},
                            {"wait_ready", app.waitReady},
                            {"listen_timeout", std::chrono::ceil<std::chrono::milliseconds>(app.listenTimeout).count()},
                            {"kill_timeout", std::chrono::ceil<std::chrono::milliseconds>(app.killTimeout).count()}});
  if (!app.args.empty()) {
    json["args"] = app.args;
  }
  if (!app.nodeArgs.empty()) {
    json["node_args"] = app.nodeArgs;
  }
  return {name, app.bin, std::to_string(app.instances), flag(app.save), json.dump()};
}

std::vector<std::string> settingsOf(const ComposeProject& project, const ManagerCall& call) {
  (void)call;
  std::vector<std::string> out{project.project, flag(project.build), joined(project.files, "\n"),
                               joined(project.profiles, ","), std::to_string(project.env.size())};
  for (const auto& [name, value] : project.env) {
    out.push_back(cat(name, "=", value));
  }
  return out;
}

std::vector<std::string> settingsOf(const PhpFpmMaster& master, const ManagerCall& call) {
  (void)call;
  return {master.service, master.pidFile, master.binary, master.config};
}

}  // namespace

UnitText renderUnit(const SystemdUnit& unit, const ManagerCall& call) {
  static constexpr std::array<std::string_view, 3> kTypes{"simple", "exec", "notify"};
  static constexpr std::array<std::string_view, 3> kRestarts{"on-failure", "always", "no"};
  const std::string& slot = call.slot.name;
  UnitText out;
  out.before =
      cat("# Written by slipway for ", call.request.application, ". It is replaced at the next release.\n[Unit]\n",
          "Description=", unit.unit, " (", call.request.layout.environment, slot.empty() ? "" : ", ", slot,
          ")\nWants=network-online.target\nAfter=network-online.target\n\n[Service]\nType=",
          kTypes[static_cast<std::size_t>(unit.type)]);
  if (unit.type == SystemdType::Notify) {
    out.before += "\nNotifyAccess=all";
  }
  if (!unit.user.empty()) {
    out.after += cat("User=", unit.user, "\n");
  }
  for (const auto& [name, value] : environmentOf(unit.env, call)) {
    out.after += cat("Environment=", quoted(cat(name, "=", value)), "\n");
  }
  out.after += cat("ExecStart=", byShell(unit.execStart), "\n");
  if (!unit.execReload.empty()) {
    out.after += cat("ExecReload=", byShell(unit.execReload), "\n");
  }
  out.after +=
      cat("Restart=", kRestarts[static_cast<std::size_t>(unit.restart)],
          "\nRestartSec=1\nTimeoutStartSec=", std::chrono::ceil<std::chrono::seconds>(call.timeout).count(),
          "\n\n[Install]\nWantedBy=", unit.scope == SystemdScope::User ? "default.target" : "multi-user.target");
  return out;
}

std::vector<std::string> managerSettings(const ManagerCall& call) {
  return std::visit([&](const auto& one) { return settingsOf(one, call); }, call.manager);
}

}  // namespace slipway::vm
