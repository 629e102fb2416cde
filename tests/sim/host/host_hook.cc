#include "reconciler/base/strings.h"
#include "tests/sim/host/host_script.h"

namespace slipway::sim {

void HostScript::hook() {
  phase_ = command_.name;
  if (!makeDirectories() || rejoin()) {
    return;
  }
  enter([this] {
    if (!openOperation()) {
      return;
    }
    if (!command_.idempotent && host_.files().exists(opDir_ + "/claim-0")) {
      unknown(cat("hook ", command_.name, " began and was interrupted; it is not idempotent, so it is not run again"));
      return;
    }
    supervise([this] { hookBody(); });
  });
}

void HostScript::hookBody() {
  Files& files = host_.files();
  progress(command_.name);
  const std::string live = cat(request_.root, "/current-", request_.environment);
  std::string directory = request_.root;
  if (!release_.empty() && files.isDirectory(releaseDir())) {
    directory = releaseDir();
  } else if (const std::string raw = rawLink("current");
             raw != "-" && files.isDirectory(cat(request_.root, "/", raw))) {
    directory = live;
  }
  if (!command_.idempotent && !files.write(opDir_ + "/claim-0", "")) {
    refuseFull(cat("cannot write to ", opDir_));
    return;
  }
  pause([this, directory] {
    userCommand(command_, directory, [this] {
      if (!refuseFailed(cat("hook ", command_.name), "Invalid")) {
        done(cat("hook ", command_.name, " ended"));
      }
    });
  });
}

}  // namespace slipway::sim
