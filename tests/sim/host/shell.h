#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reconciler/base/clock.h"
#include "tests/sim/host/files.h"

namespace slipway::sim {

// What a simulated process needs of its machine.
class Machine {
 public:
  virtual ~Machine() = default;
  virtual Files& files() = 0;
  // Runs `action` later, unless the machine is restarted before.
  virtual void after(Duration delay, std::function<void()> action) = 0;
  virtual int newPid() = 0;
  virtual void setRunning(int pid, bool running) = 0;
};

struct ShellCommand;

// One `/bin/sh -c TEXT` on a simulated machine, with its children one process group. Knows the small part of the
// language that tests and scenarios use: lists, && and ||, while, subshells, &, redirections of output, variables,
// command and arithmetic substitution, and echo, cat, sleep, exit, pwd, test, touch, rm, mkdir, wait, true, false.
// Anything else ends with 127, as a program that is not installed. Time passes in sleep only.
class ShellProcess : public std::enable_shared_from_this<ShellProcess> {
 public:
  struct Start {
    std::string text;
    std::string directory;
    std::map<std::string, std::string> env;
    std::function<void(std::string_view)> output;
    std::function<void(int code)> done;  // the leader has ended; not called after kill()
  };

  ShellProcess(Machine& machine, Start start);
  ~ShellProcess();
  void run();
  // Ends the whole group. `done` gets 143.
  void kill();
  int pid() const { return pid_; }

 private:
  using Then = std::function<void(int)>;
  struct Frame {
    std::string directory;
    std::function<void(std::string_view)> output;
  };
  struct Child {
    int pid = 0;
    bool running = true;
  };

  void exec(const std::shared_ptr<const ShellCommand>& command, const Frame& frame, Then then);
  void sequence(const std::shared_ptr<const ShellCommand>& command, std::size_t at, const Frame& frame, Then then);
  void loop(const std::shared_ptr<const ShellCommand>& command, const Frame& frame, Then then);
  void background(const std::shared_ptr<const ShellCommand>& command, const Frame& frame, const Then& then);
  void simple(const ShellCommand& command, const Frame& frame, Then then);
  int builtin(const std::vector<std::string>& words, const Frame& frame);
  int test(std::vector<std::string> words, const Frame& frame) const;
  std::string expand(const std::string& word, const Frame& frame);
  std::string variable(const std::string& name) const;
  std::string substitute(const std::string& text, const Frame& frame);
  std::int64_t arithmetic(const std::string& text) const;
  std::string pathOf(const std::string& name, const Frame& frame) const;
  void waitForChildren(const Then& then);
  void finish(int code);

  Machine& machine_;
  Start start_;
  int pid_;
  int lastChild_ = 0;
  std::vector<std::shared_ptr<Child>> children_;
  std::vector<Then> waiting_;
  bool dead_ = false;
  bool ended_ = false;
  bool exiting_ = false;
};

}  // namespace slipway::sim
