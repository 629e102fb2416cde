#include "providers/vm/host_request.h"

#include <algorithm>
#include <array>
#include <span>

#include "providers/vm/manager_request.h"
#include "providers/vm/request_encoder.h"
#include "reconciler/base/strings.h"

#include "embedded/embedded_host_script.h"
#include "embedded/embedded_manager_script.h"

namespace slipway::vm {
namespace {

constexpr std::string_view kCommandProcesses = "command";  // its host script finds what commands started

void checkOverlap(RequestEncoder& out, const Layout& layout) {
  std::vector<std::string> all = layout.sharedDirectories;
  all.insert(all.end(), layout.sharedFiles.begin(), layout.sharedFiles.end());
  for (const std::string& one : all) {
    for (const std::string& other : all) {
      out.require(&one == &other || (other != one && other.rfind(cat(one, "/"), 0) != 0), "layout.shared", other,
                  cat("lies within \"", one, "\""));
    }
  }
}

// A build step or a hook: `what` for messages.
template <typename Step>
void encodeCommand(RequestEncoder& out, const std::string& what, const Step& step) {
  out.line(cat(what, ": name"), step.name);
  out.text(cat(what, ": run"), step.run);
  out.number(wholeSeconds(step.timeout));
  out.number(step.idempotent ? 1 : 0);
  out.number(static_cast<std::int64_t>(step.env.size()));
  for (const auto& [name, value] : step.env) {
    out.require(isVariableName(name), cat(what, ": env"), name, "is no variable name");
    out.text(cat(what, ": env ", name), cat(name, "=", value));
  }
}

struct ActionEncoder {
  RequestEncoder& out;
  const StepRequest& request;

  void exec(const std::optional<ExecCheck>& check) const {
    out.text("exec.run", check ? check->run : std::string());
    out.number(check ? wholeSeconds(check->timeout) : 0);
  }
  void operator()(const ObserveStep&) const {}
  void operator()(const PrepareStep& step) const {
    out.name("version", step.releaseId);
    out.line("identity", step.identity);
    if (step.artifact == nullptr) {
      out.fail("prepare: no artifact");
      return;
    }
    std::string digest = step.artifact->digest();
    std::replace(digest.begin(), digest.end(), ':', '-');
    out.name("artifact digest", digest);
    checkOverlap(out, request.layout);
    out.paths("layout.sharedDirectories", request.layout.sharedDirectories);
    out.paths("layout.sharedFiles", request.layout.sharedFiles);
    out.paths("layout.requiredFiles", request.layout.requiredFiles);
    out.number(static_cast<std::int64_t>(step.build.size()));
    for (const BuildStep& build : step.build) {
      encodeCommand(out, cat("build step ", build.name), build);
    }
  }
  void operator()(const CheckStep& step) const {
    out.name("version", step.releaseId);
    out.line("digest", step.digest);
    out.paths("layout.requiredFiles", step.requiredFiles);
    exec(step.exec);
  }
  void slotName(std::string_view slot) const {
    if (slot.empty()) {
      out.line("slot", "");
    } else {
      out.name("slot", slot);
    }
  }
  void slot(const SlotRef& slot) const {
    slotName(slot.name);
    out.number(slot.port);
  }
  struct How {
    Duration timeout{0};
    bool goingBack = false;
  };
  void manager(const std::optional<ProcessManager>& manager, const SlotRef& slot, How how) const {
    std::vector<std::string> settings;
    if (manager.has_value()) {
      settings = managerSettings({*manager, request, slot, how.timeout, how.goingBack});
    }
    out.line("manager", manager.has_value() ? managerName(*manager) : "");
    out.number(static_cast<std::int64_t>(settings.size()));
    for (const std::string& setting : settings) {
      out.text("process manager", setting);
    }
  }
  void operator()(const PlaceStep& step) const {
    out.name("version", step.releaseId);
    out.line("digest", step.digest);
    out.name("slot", step.slot);
  }
  void operator()(const SwitchStep& step) const {
    out.name("version", step.releaseId);
    out.line("digest", step.digest);
    slotName(step.slot);
  }
  void operator()(const ProcessStep& step) const {
    if (step.releaseId.empty()) {
      out.line("version", "");
    } else {
      out.name("version", step.releaseId);
    }
    out.name("process action", step.action);
    out.text("process command", step.run);
    out.number(wholeSeconds(step.timeout));
    slot(step.slot);
    manager(step.manager, step.slot, {step.timeout, step.goingBack});
  }
  void operator()(const VerifyStep& step) const {
    out.name("version", step.releaseId);
    exec(step.exec);
    slot(step.slot);
    if (!step.container) {
      out.line("container", "");
      out.number(0);
      out.number(0);
    } else {
      out.name("container", step.container->name);
      out.number(wholeSeconds(step.container->timeout));
      out.number(step.container->ownHealth ? 1 : 0);
    }
    if (step.process && !step.manager) {
      out.number(wholeSeconds(step.process->minUptime));
      out.line("manager", kCommandProcesses);
      out.number(1);
      out.line("health.process.pidFile", step.process->pidFile);
      return;
    }
    out.line("minUptime", step.process ? std::to_string(wholeSeconds(step.process->minUptime)) : "");
    manager(step.manager, step.slot, {});
  }
  void operator()(const UndoStep& step) const {
    out.name("version", step.releaseId);
    if (step.restoreTo.empty()) {
      out.line("restoreTo", "");
    } else {
      out.name("restoreTo", step.restoreTo);
    }
    slotName(step.slot);
  }
  void operator()(const RetireStep& step) const {
    out.number(static_cast<std::int64_t>(step.keep.size()));
    for (const std::string& id : step.keep) {
      out.name("keep", id);
    }
  }
  void operator()(const HookStep& step) const {
    if (step.releaseId.empty()) {
      out.line("version", "");
    } else {
      out.name("version", step.releaseId);
    }
    encodeCommand(out, cat("hook ", step.name), step);
  }
  void operator()(const AbortStep& step) const { out.name("operation", step.operationId); }
};

// Without a manager, or with the files of one before the last file, which is the main part.
std::string framedScript(std::string_view manager) {
  std::string managers;
  for (const EmbeddedFile& file : embedded_manager_script()) {
    if (!manager.empty() && (file.name == "10_live.sh" || file.name == cat("20_", manager, ".sh"))) {
      managers += file.content;
    }
  }
  std::string script;
  const std::span<const EmbeddedFile> files = embedded_host_script();
  for (std::size_t i = 0; i < files.size(); ++i) {
    script += i + 1 == files.size() ? cat(managers, files[i].content) : std::string(files[i].content);
  }
  return transport::frameScript(script);
}

}  // namespace

const std::string& hostScript(const StepAction& action) {
  static const std::string plain = framedScript("");
  static const std::string commands = framedScript(kCommandProcesses);
  const std::optional<ProcessManager>* manager = nullptr;
  if (const auto* process = std::get_if<ProcessStep>(&action); process != nullptr) {
    manager = &process->manager;
  } else if (const auto* verify = std::get_if<VerifyStep>(&action); verify != nullptr) {
    manager = &verify->manager;
    if (verify->process.has_value() && !manager->has_value()) {
      return commands;
    }
  }
  if (manager == nullptr || !manager->has_value()) {
    return plain;
  }
  static const std::array<std::string, std::variant_size_v<ProcessManager>> managed{
      framedScript(managerName(SystemdUnit{})), framedScript(managerName(Pm2App{})),
      framedScript(managerName(ComposeProject{})), framedScript(managerName(PhpFpmMaster{}))};
  return managed[(*manager)->index()];
}

Result<std::string> encodeRequest(const StepRequest& request, Duration remaining) {
  RequestEncoder out;
  encodeHead(out, stepName(request.action), request, remaining);
  std::visit(ActionEncoder{out, request}, request.action);
  return std::move(out).take();
}

std::string_view stepName(const StepAction& action) {
  static constexpr std::string_view kNames[] = {"observe", "prepare", "check", "switch", "process", "verify",
                                                "undo",    "retire",  "abort", "place",  "hook"};
  return kNames[action.index()];
}

}  // namespace slipway::vm
