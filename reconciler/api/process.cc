#include "reconciler/api/process.h"

#include <algorithm>
#include <array>

#include "reconciler/base/strings.h"

namespace slipway {
namespace {

using Names = std::initializer_list<std::string_view>;

constexpr std::array<std::string_view, 4> kManagers{"systemd", "pm2", "compose", "phpFpm"};  // in the variant's order
const Names kScopes{"System", "User"};
const Names kTypes{"simple", "exec", "notify"};
const Names kRestarts{"OnFailure", "Always", "Never"};
const Names kOnSwitch{"Restart", "Reload"};
const Names kModes{"Fork", "Cluster"};

template <typename Enum>
std::string_view nameOf(Names names, Enum value) {
  return names.begin()[static_cast<std::size_t>(value)];
}

void read(FieldReader& fields, SystemdUnit& out) {
  fields.read("unit", out.unit);
  fields.readEnum("scope", kScopes, out.scope);
  fields.read("user", out.user);
  fields.read("execStart", out.execStart);
  fields.read("execReload", out.execReload);
  fields.readEnum("type", kTypes, out.type);
  fields.read("env", out.env);
  fields.readEnum("restart", kRestarts, out.restart);
  fields.readEnum("onSwitch", kOnSwitch, out.onSwitch);
  fields.read("render", out.render);
}

void read(FieldReader& fields, Pm2App& out) {
  fields.read("app", out.app);
  fields.read("script", out.script);
  fields.read("args", out.args);
  fields.read("instances", out.instances);
  fields.readEnum("mode", kModes, out.mode);
  fields.read("env", out.env);
  fields.read("nodeArgs", out.nodeArgs);
  fields.read("waitReady", out.waitReady);
  fields.read("listenTimeout", out.listenTimeout);
  fields.read("killTimeout", out.killTimeout);
  fields.read("bin", out.bin);
  fields.read("save", out.save);
}

void read(FieldReader& fields, ComposeProject& out) {
  fields.read("project", out.project);
  fields.read("files", out.files);
  fields.read("profiles", out.profiles);
  fields.read("build", out.build);
  fields.read("env", out.env);
}

void read(FieldReader& fields, PhpFpmMaster& out) {
  fields.read("service", out.service);
  fields.read("pidFile", out.pidFile);
  fields.read("binary", out.binary);
  fields.read("config", out.config);
}

// The member that the variant's alternative number `Index` is written as.
template <std::size_t Index = 0>
void readManagers(const Json& json, std::optional<Process>& out, FieldReader& parent) {
  if constexpr (Index < std::variant_size_v<ProcessManager>) {
    const Json* member = json.find(kManagers[Index]);
    if (member != nullptr && member->isObject()) {
      FieldReader fields(member, cat("spec.process.", kManagers[Index]));
      std::variant_alternative_t<Index, ProcessManager> manager;
      read(fields, manager);
      Process& process = out.emplace();
      fields.read("timeout", process.timeout);
      fields.read("servers", process.servers);
      process.manager = std::move(manager);
      parent.merge(fields);
    }
    readManagers<Index + 1>(json, out, parent);
  }
}

Json write(const SystemdUnit& unit) {
  Json out = Json::object();
  putText(out, "unit", unit.unit);
  out["scope"] = nameOf(kScopes, unit.scope);
  putText(out, "user", unit.user);
  putText(out, "execStart", unit.execStart);
  putText(out, "execReload", unit.execReload);
  out["type"] = nameOf(kTypes, unit.type);
  putMap(out, "env", unit.env);
  out["restart"] = nameOf(kRestarts, unit.restart);
  out["onSwitch"] = nameOf(kOnSwitch, unit.onSwitch);
  out["render"] = unit.render;
  return out;
}

Json write(const Pm2App& app) {
  Json out = Json::object();
  putText(out, "app", app.app);
  putText(out, "script", app.script);
  putText(out, "args", app.args);
  out["instances"] = app.instances;
  out["mode"] = nameOf(kModes, app.mode);
  putMap(out, "env", app.env);
  putText(out, "nodeArgs", app.nodeArgs);
  out["waitReady"] = app.waitReady;
  out["listenTimeout"] = formatDuration(app.listenTimeout);
  out["killTimeout"] = formatDuration(app.killTimeout);
  putText(out, "bin", app.bin);
  out["save"] = app.save;
  return out;
}

Json write(const ComposeProject& project) {
  Json out = Json::object();
  putText(out, "project", project.project);
  putList(out, "files", project.files);
  putList(out, "profiles", project.profiles);
  out["build"] = project.build;
  putMap(out, "env", project.env);
  return out;
}

Json write(const PhpFpmMaster& master) {
  Json out = Json::object();
  putText(out, "service", master.service);
  putText(out, "pidFile", master.pidFile);
  putText(out, "binary", master.binary);
  putText(out, "config", master.config);
  return out;
}

Json managerToJson(const ProcessManager& manager) {
  return std::visit([](const auto& one) { return write(one); }, manager);
}

}  // namespace

std::string_view managerName(const ProcessManager& manager) { return kManagers[manager.index()]; }

void nameManager(ProcessManager& manager, const std::string& release) {
  if (auto* unit = std::get_if<SystemdUnit>(&manager); unit != nullptr && unit->unit.empty()) {
    unit->unit = release;
  }
  if (auto* app = std::get_if<Pm2App>(&manager); app != nullptr && app->app.empty()) {
    app->app = release;
  }
  if (auto* project = std::get_if<ComposeProject>(&manager); project != nullptr && project->project.empty()) {
    project->project = release;
    std::replace(project->project.begin(), project->project.end(), '.', '-');  // a project's name has no dots
  }
}

void readProcess(const Json* json, std::optional<Process>& out, FieldReader& parent) {
  if (json == nullptr) {
    return;
  }
  readManagers(*json, out, parent);
  const Json* command = json->find("command");
  if (command == nullptr || !command->isObject()) {
    return;
  }
  Process& process = out.emplace();
  FieldReader fields(command, "spec.process.command");
  fields.read("start", process.start);
  fields.read("stop", process.stop);
  fields.read("reload", process.reload);
  fields.read("timeout", process.timeout);
  fields.read("servers", process.servers);
  parent.merge(fields);
}

Json toJson(const Process& process) {
  Json out = Json::object();
  if (process.manager.has_value()) {
    out = managerToJson(*process.manager);
  }
  putText(out, "start", process.start);
  putText(out, "stop", process.stop);
  putText(out, "reload", process.reload);
  out["timeout"] = formatDuration(process.timeout);
  putList(out, "servers", process.servers);
  Json kinds = Json::object();
  kinds[process.manager.has_value() ? managerName(*process.manager) : "command"] = std::move(out);
  return kinds;
}

Json processIdentity(const Process& process) {
  Json servers = Json::Array(process.servers.begin(), process.servers.end());
  if (process.manager.has_value()) {
    return Json::object({{"manager", managerName(*process.manager)},
                         {"settings", managerToJson(*process.manager)},
                         {"servers", std::move(servers)}});
  }
  return Json::object(
      {{"start", process.start}, {"stop", process.stop}, {"reload", process.reload}, {"servers", std::move(servers)}});
}

}  // namespace slipway
