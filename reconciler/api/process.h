#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "reconciler/api/json_fields.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"

namespace slipway {

enum class SystemdScope { System, User };
enum class SystemdType { Simple, Exec, Notify };
enum class RestartWhen { OnFailure, Always, Never };
enum class OnSwitch { Restart, Reload };

// A unit whose working directory is the release link. With slots there is one instance UNIT@SLOT for each.
struct SystemdUnit {
  std::string unit;  // without .service; empty: the Release's name
  SystemdScope scope = SystemdScope::System;
  std::string user;        // that the application runs as; empty: root, or the user whose manager it is
  std::string execStart;   // by /bin/sh in the release's directory
  std::string execReload;  // likewise; MAINPID is set
  SystemdType type = SystemdType::Simple;
  std::map<std::string, std::string> env;
  RestartWhen restart = RestartWhen::OnFailure;
  OnSwitch onSwitch = OnSwitch::Restart;
  bool render = true;  // false: the unit is there and a person keeps it
  bool operator==(const SystemdUnit&) const = default;
};

enum class Pm2Mode { Fork, Cluster };

// With slots there is one application APP-SLOT for each.
struct Pm2App {
  std::string app;     // empty: the Release's name
  std::string script;  // relative to the release
  std::string args;
  int instances = 1;
  Pm2Mode mode = Pm2Mode::Fork;
  std::map<std::string, std::string> env;
  std::string nodeArgs;
  bool waitReady = false;  // the application says process.send('ready')
  Duration listenTimeout = std::chrono::seconds(3);
  Duration killTimeout = std::chrono::milliseconds(1600);
  std::string bin;   // of pm2; empty: found by PATH
  bool save = true;  // what runs is what PM2 starts again after a reboot
  bool operator==(const Pm2App&) const = default;
};

// With slots there is one project PROJECT-SLOT for each.
struct ComposeProject {
  std::string project;             // empty: the Release's name
  std::vector<std::string> files;  // relative to the release; empty: as docker compose finds them there
  std::vector<std::string> profiles;
  bool build = false;
  std::map<std::string, std::string> env;  // for the variables in the files
  bool operator==(const ComposeProject&) const = default;
};

// A master that is there before the release: by the name of its unit, or by its pid file.
struct PhpFpmMaster {
  std::string service;  // "php8.2-fpm"
  std::string pidFile;
  std::string binary;  // empty: php-fpm, or the newest php-fpmX.Y
  std::string config;  // php-fpm.conf; empty: as built in
  bool operator==(const PhpFpmMaster&) const = default;
};

using ProcessManager = std::variant<SystemdUnit, Pm2App, ComposeProject, PhpFpmMaster>;

// "systemd", "pm2", "compose", "phpFpm": as in spec.process.
std::string_view managerName(const ProcessManager& manager);

// Gives what has no name of its own on the server that of the Release.
void nameManager(ProcessManager& manager, const std::string& release);

// What runs the application: commands of the user's, or a manager that is known here. With a manager there are no
// commands.
struct Process {
  std::string start;
  std::string stop;
  std::string reload;
  Duration timeout = std::chrono::minutes(5);  // for one action
  std::vector<std::string> servers;            // only there; empty: on all
  std::optional<ProcessManager> manager = std::nullopt;

  bool canStart() const { return manager.has_value() || !start.empty(); }
  bool canStop() const { return manager.has_value() || !stop.empty(); }
  bool canReload() const { return manager.has_value() || !reload.empty(); }
  bool operator==(const Process&) const = default;
};

// `json` is spec.process, or nullptr. What is wrong goes to `parent`.
void readProcess(const Json* json, std::optional<Process>& out, FieldReader& parent);
Json toJson(const Process& process);

// For releaseIdentity: what makes a new run when it changes.
Json processIdentity(const Process& process);

}  // namespace slipway
