#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/json.h"

namespace slipway {

class FieldReader;

// When a hook runs, in the order of a run.
enum class HookPoint {
  Backup,         // before anything is built or changed; must succeed
  BeforeBuild,    // before the first server is prepared
  AfterBuild,     // when every server is prepared
  BeforeSwitch,   // when the gate is open, before the decision to commit
  Drain,          // of each server: before it is stopped or switched
  Restore,        // of each server: when it is verified, or was taken back
  AfterSwitch,    // when every server is verified
  AfterRollback,  // when every server was taken back
  OnFailure,      // at the end of a run that failed, or before it waits for a person because of a failure
};
std::string_view hookPointName(HookPoint point);

// A request from the controller. {{server}}, {{address}}, {{release}}, {{version}}, {{previousVersion}} and {{run}} are
// replaced in the URL, the values of headers, and the body.
struct HookRequest {
  std::string method = "POST";
  std::string url;
  std::map<std::string, std::string> headers;
  std::string headersSecret;  // a Secret: each of its keys is a header's name
  std::string body;
  int minStatus = 200;
  int maxStatus = 299;
  bool insecureSkipVerify = false;
  bool operator==(const HookRequest&) const = default;
};

enum class HookScope { Once, EachServer };
enum class HookErrors { Fail, Ignore };

struct Hook {
  std::string name;
  HookPoint at = HookPoint::BeforeSwitch;
  std::string run;                   // a command on the server; empty: `http`
  std::optional<HookRequest> http;   // a request from the controller
  std::optional<HookScope> scope;    // nothing: EachServer for Drain and Restore, else Once, on the first server
  std::vector<std::string> servers;  // only there; empty: all of the run
  Duration timeout = std::chrono::minutes(5);
  bool idempotent = false;  // false: an interrupted one is never repeated; a person is asked
  HookErrors onError = HookErrors::Fail;
  std::map<std::string, std::string> env;  // of a command
  bool operator==(const Hook&) const = default;

  bool onEachServer() const;
};

// `parent` takes over what is wrong.
void readHooks(const Json* json, std::vector<Hook>& out, FieldReader& parent);
Json toJson(const std::vector<Hook>& hooks);

}  // namespace slipway
