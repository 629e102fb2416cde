#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/random.h"
#include "reconciler/client/api_client.h"
#include "reconciler/client/kubeconfig.h"

namespace slipway::cli {

// What every command ends with.
inline constexpr int kConverged = 0;
inline constexpr int kFailed = 1;    // or rolled back
inline constexpr int kBadInput = 2;  // nothing was changed
inline constexpr int kTimedOut = 3;  // still progressing

// What the commands of one call share. Not thread-safe but for print, write and note.
class Context {
 public:
  Context();
  ~Context();

  client::KubeconfigOptions kube;  // from the global flags
  std::function<int()> action;     // what the command line asks for

  Clock& clock() { return *clock_; }
  Random& random() { return *random_; }
  // The client of the chosen context, made at the first call.
  Result<client::ApiClient*> client();
  // The namespace to work in. REQUIRES: client() has succeeded.
  const std::string& ns() const;
  // The namespace as far as it is known without an API server.
  std::string nsOr(const std::string& other) const { return kube.ns.empty() ? other : kube.ns; }

  // To standard output, made safe for a terminal. `text` ends with a newline or is a whole document.
  void print(std::string_view text);
  // The same for text that was made safe already and may hold colours.
  void write(std::string_view safe);
  // One line to standard error.
  void note(std::string_view line);
  // Says what went wrong; the exit code that belongs to it.
  int fail(const Status& status);
  int badInput(std::string_view message);
  // Asks on the terminal; false without one or for anything but yes.
  bool confirm(std::string_view question);

  bool terminalOut() const { return terminalOut_; }
  bool terminalIn() const { return terminalIn_; }
  bool unicode() const { return unicode_; }
  bool color() const { return color_; }
  int columns() const;
  // user@host, for records.
  std::string who() const;

 private:
  std::unique_ptr<Clock> clock_;
  std::unique_ptr<Random> random_;
  std::unique_ptr<client::ApiClient> client_;
  bool terminalOut_ = false;
  bool terminalIn_ = false;
  bool unicode_ = false;
  bool color_ = false;
};

enum class OutputForm { Text, Wide, Json, Yaml, Name };
// "text", "wide", "json", "yaml", "name". Invalid for anything else.
Result<OutputForm> outputForm(const std::string& name);
// The object as JSON or YAML document.
std::string documentText(const Json& object, OutputForm form);

// "30s", "5m"; "0" means none.
Result<Duration> timeoutOf(const std::string& text);

}  // namespace slipway::cli
