#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.h"
#include "reconciler/base/status.h"

namespace slipway {

// How to reach one server. Not printable: it holds a private key.
struct RemoteTarget {
  std::string name;     // the Server object's name, for messages
  std::string address;  // host name or IP address
  std::uint16_t port = 22;
  std::string user;
  std::string privateKey;             // OpenSSH or PEM text
  std::string passphrase;             // for an encrypted key
  std::vector<std::string> hostKeys;  // pinned keys, each "ssh-ed25519 AAAA…"; none: every connection is refused
};

struct RemoteCommand {
  std::string command;                  // one constant string; data goes to standard input, never into it
  std::string input;                    // sent at once; more may follow through RemoteProcess::write
  bool closeInput = true;               // end of file after `input`
  SteadyTime deadline;                  // connect, run and answer; then Timeout
  std::size_t outputLimit = 1U << 20U;  // bytes of standard output; more: killed, Invalid
};

// The running command's other end. Thread-safe. Dropping the last reference closes the channel.
class RemoteProcess {
 public:
  virtual ~RemoteProcess() = default;
  virtual void write(std::string bytes) = 0;
  virtual void closeInput() = 0;
  // Closes the channel; `exit` is then called with Cancelled unless it was called already.
  virtual void cancel() = 0;
};

struct RemoteEvents {
  std::function<void(std::string_view)> output;  // standard output as it arrives, in order; may be empty
  std::function<void(std::string_view)> error;   // standard error, likewise
  // The command goes out now: before this call nothing can have happened on the target. Optional.
  std::function<void()> started;
  // All that was written has been taken by the connection: a good moment to write more of a long stream. Optional.
  std::function<void()> drained;
  // Called exactly once, last. The exit code, or: Denied (authentication refused, or host key not pinned),
  // Unavailable (no connection, or lost before the command was sent), Timeout, Cancelled,
  // OutcomeUnknown (the channel was lost while the command ran), Invalid (over the output limit).
  std::function<void(Result<int>)> exit;
};

// Starts commands on remote machines. Thread-safe, never blocks; calls events on its own thread, one at a time per
// process. Events must be short and must not block. Connections to one target may be reused.
class CommandRunner {
 public:
  virtual ~CommandRunner() = default;
  virtual std::shared_ptr<RemoteProcess> start(const RemoteTarget& target, RemoteCommand command,
                                               RemoteEvents events) = 0;
  // False where the machine lets only one command run at a time: whoever starts one then waits for its end first. May
  // turn false while commands run; those that found no room end with Unavailable.
  virtual bool parallel() const { return true; }
};

}  // namespace slipway
