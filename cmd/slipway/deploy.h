#pragma once

#include <string>
#include <vector>

#include "cmd/slipway/context.h"
#include "reconciler/base/json.h"

namespace slipway::cli {

struct DeployRequest {
  std::string release;
  std::string version;
  std::vector<std::string> servers;
  std::vector<std::string> groups;  // KEY=VALUE labels, or one Destination's name
  std::string repository;
  std::string branch;
  std::string tag;
  std::string commit;
};

// The change of the Release's spec that the request asks for; an empty object for none. Pure. Invalid when the options
// contradict each other or the release.
Result<Json> deployPatch(const Json& release, const DeployRequest& request);

// The command that asks for the same without a question.
std::string replayCommand(const DeployRequest& request, const std::string& ns);

// A word that a POSIX shell reads back as `text`.
std::string shellWord(const std::string& text);

struct DeployOptions {
  bool yes = false;
  bool wait = true;
  Duration timeout{0};
};
int deploy(Context& context, const DeployRequest& request, const DeployOptions& options);

// One verb: sets its annotation and waits until the controller has said what it does about it. The exit code.
struct VerbRequest {
  std::string verb;
  std::string release;
  std::string value;                            // rollback: the version
  bool wait = true;                             // for the controller's answer
  bool follow = false;                          // and then for the end of the run
  Duration timeout = std::chrono::seconds(60);  // for the answer
};
int requestVerb(Context& context, const VerbRequest& request);

}  // namespace slipway::cli
