#include "providers/vm/operation_request.h"

#include <array>
#include <span>
#include <variant>

#include "providers/vm/manager_request.h"
#include "providers/vm/request_encoder.h"

#include "embedded/embedded_host_script.h"
#include "embedded/embedded_manager_script.h"
#include "embedded/embedded_operation_script.h"

namespace slipway::vm {
namespace {

// The steps' files, then those of the managers and of the operations, last the main part. Files of operations that
// begin with a digit below 5 are for all, "50_<manager>.sh" for one.
std::string framed(std::string_view manager) {
  std::string between;
  for (const EmbeddedFile& file : embedded_manager_script()) {
    between += file.name == "10_live.sh" || file.name == cat("20_", manager, ".sh") ? file.content : "";
  }
  for (const EmbeddedFile& file : embedded_operation_script()) {
    between += file.name.front() < '5' || file.name == cat("50_", manager, ".sh") ? file.content : "";
  }
  std::string script;
  const std::span<const EmbeddedFile> files = embedded_host_script();
  for (std::size_t i = 0; i < files.size(); ++i) {
    script += i + 1 == files.size() ? cat(between, files[i].content) : std::string(files[i].content);
  }
  return transport::frameScript(script);
}

void nameOrNone(RequestEncoder& out, std::string_view what, const std::string& value) {
  if (value.empty()) {
    out.line(what, "");
  } else {
    out.name(what, value);
  }
}

}  // namespace

const std::string& operationScript(const std::optional<ProcessManager>& manager) {
  static const std::string plain = framed("");
  static const std::array<std::string, std::variant_size_v<ProcessManager>> managed{
      framed(managerName(SystemdUnit{})), framed(managerName(Pm2App{})), framed(managerName(ComposeProject{})),
      framed(managerName(PhpFpmMaster{}))};
  return manager.has_value() ? managed[manager->index()] : plain;
}

Result<std::string> encodeOperation(const ServerOperation& operation, Duration remaining) {
  StepRequest request;
  request.operationId = operation.operationId;
  request.application = operation.application;
  request.layout = operation.layout;
  request.fence = operation.fence;
  RequestEncoder out;
  encodeHead(out, "operate", request, remaining);
  out.name("verb", operation.verb);
  out.number(static_cast<std::int64_t>(operation.words.size()));
  for (const std::string& word : operation.words) {
    out.text("operation", word);
  }
  nameOrNone(out, "version", operation.releaseId);
  out.number(operation.follow ? 1 : 0);
  nameOrNone(out, "slot", operation.slot.name);
  out.number(operation.slot.port);
  std::vector<std::string> settings;
  if (operation.manager.has_value()) {
    settings = managerSettings({*operation.manager, request, operation.slot, operation.timeout, true});
  }
  out.line("manager", operation.manager.has_value() ? managerName(*operation.manager) : "");
  out.number(static_cast<std::int64_t>(settings.size()));
  for (const std::string& setting : settings) {
    out.text("process manager", setting);
  }
  return std::move(out).take();
}

}  // namespace slipway::vm
