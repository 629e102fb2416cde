#pragma once

#include <atomic>
#include <csignal>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/ports/command_runner.h"

namespace slipway {

// Runs the commands on this machine, in a shell of choice, instead of on a server. The target's name is in $HOST_NAME,
// its address is the directory the command starts in. Like a lost connection, a cancelled command is not killed: its
// pipes close.
class LocalCommandRunner final : public CommandRunner {
 public:
  // `shell`: the words that take the place of /bin/sh, for example {"/bin/busybox", "sh"}.
  explicit LocalCommandRunner(std::vector<std::string> shell = {"/bin/sh"}, std::string path = {})
      : shell_(std::move(shell)), path_(std::move(path)) {}
  ~LocalCommandRunner() override {
    const std::lock_guard lock(mutex_);
    for (const auto& process : processes_) {
      process->end(Code::Cancelled);
    }
    for (std::jthread& thread : threads_) {
      thread.join();
    }
  }

  std::shared_ptr<RemoteProcess> start(const RemoteTarget& target, RemoteCommand command,
                                       RemoteEvents events) override {
    const std::lock_guard lock(mutex_);
    auto process = std::make_shared<Process>(std::move(command), std::move(events));
    process->spawn(words(process->command.command), target, path_);
    processes_.push_back(process);
    threads_.emplace_back([process] { process->run(); });
    ++started_;
    return process;
  }

  // Cuts the connection of every running command.
  void cutAll() {
    const std::lock_guard lock(mutex_);
    for (const auto& process : processes_) {
      process->end(Code::OutcomeUnknown);
    }
  }
  int started() const { return started_; }

 private:
  struct Process final : RemoteProcess {
    Process(RemoteCommand c, RemoteEvents e) : command(std::move(c)), events(std::move(e)) {
      pending = command.input;
      closing = command.closeInput;
    }
    ~Process() override {
      for (const int fd : {in, out, err, wake[0], wake[1]}) {
        if (fd >= 0) ::close(fd);
      }
    }

    void write(std::string bytes) override {
      const std::lock_guard lock(mutex);
      pending += bytes;
      poke();
    }
    void closeInput() override {
      const std::lock_guard lock(mutex);
      closing = true;
      poke();
    }
    void cancel() override { end(Code::Cancelled); }
    void end(Code code) {
      const std::lock_guard lock(mutex);
      if (ended == Code::Ok) ended = code;
      poke();
    }
    void poke() { [[maybe_unused]] const auto n = ::write(wake[1], "x", 1); }

    void spawn(const std::vector<std::string>& words, const RemoteTarget& target, const std::string& path) {
      int a[2], b[2], c[2];
      if (::pipe2(a, O_CLOEXEC) || ::pipe2(b, O_CLOEXEC) || ::pipe2(c, O_CLOEXEC) ||
          ::pipe2(wake, O_CLOEXEC | O_NONBLOCK)) {
        std::abort();
      }
      std::vector<char*> argv;
      for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
      argv.push_back(nullptr);
      std::string name = "HOST_NAME=" + target.name;
      std::string search = "PATH=" + (path.empty() ? std::string(::getenv("PATH")) : path);
      std::string home = "HOME=/nonexistent";
      char* env[] = {name.data(), search.data(), home.data(), nullptr};
      pid = ::fork();
      if (pid == 0) {
        ::setsid();
        ::signal(SIGPIPE, SIG_DFL);
        ::dup2(a[0], 0);
        ::dup2(b[1], 1);
        ::dup2(c[1], 2);
        if (!target.address.empty() && ::chdir(target.address.c_str()) != 0) ::_exit(126);
        ::execve(argv[0], argv.data(), env);
        ::_exit(127);
      }
      in = a[1];
      out = b[0];
      err = c[0];
      ::close(a[0]);
      ::close(b[1]);
      ::close(c[1]);
      ::fcntl(in, F_SETFL, O_NONBLOCK);
    }

    void run() {
      ::signal(SIGPIPE, SIG_IGN);
      if (events.started) events.started();
      std::size_t printed = 0;
      while (out >= 0 || err >= 0) {
        if (!feed()) break;
        pollfd fds[] = {{out, POLLIN, 0}, {err, POLLIN, 0}, {wake[0], POLLIN, 0}, {wantsWrite ? in : -1, POLLOUT, 0}};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(command.deadline -
                                                                       SteadyTime(std::chrono::steady_clock::now()));
        if (left.count() <= 0) {
          end(Code::Timeout);
          continue;
        }
        ::poll(fds, 4, static_cast<int>(std::min<std::int64_t>(left.count(), 100000)));
        char drop[64];
        while (::read(wake[0], drop, sizeof drop) > 0) {
        }
        if (fds[0].revents) printed += take(out, events.output);
        if (fds[1].revents) take(err, events.error);
        if (printed > command.outputLimit) end(Code::Invalid);
      }
      conclude();
      events = {};  // they may hold this process
    }

    // False when the conversation is over.
    bool feed() {
      const std::lock_guard lock(mutex);
      if (ended != Code::Ok) return false;
      const bool had = !pending.empty();
      while (in >= 0 && !pending.empty()) {
        const ssize_t n = ::write(in, pending.data(), pending.size());
        if (n < 0 && errno == EAGAIN) break;
        pending.erase(0, n < 0 ? pending.size() : static_cast<std::size_t>(n));
      }
      wantsWrite = in >= 0 && !pending.empty();
      if (in >= 0 && pending.empty() && closing) {
        ::close(in);
        in = -1;
      }
      if (had && pending.empty() && events.drained) events.drained();
      return true;
    }

    static std::size_t take(int& fd, const std::function<void(std::string_view)>& event) {
      char buffer[16384];
      const ssize_t n = ::read(fd, buffer, sizeof buffer);
      if (n <= 0) {
        ::close(fd);
        fd = -1;
        return 0;
      }
      if (event) event({buffer, static_cast<std::size_t>(n)});
      return static_cast<std::size_t>(n);
    }

    void conclude() {
      Code code;
      {
        const std::lock_guard lock(mutex);
        code = ended;
        for (int* fd : {&in, &out, &err}) {
          if (*fd >= 0) ::close(*fd);
          *fd = -1;
        }
      }
      if (code != Code::Ok) {
        // Left to end by itself; the test program's end reaps it.
        events.exit(Status(code, "the local connection ended"));
        return;
      }
      int status = 0;
      ::waitpid(pid, &status, 0);
      events.exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }

    RemoteCommand command;
    RemoteEvents events;
    std::mutex mutex;
    std::string pending;
    bool closing = false;
    bool wantsWrite = false;
    Code ended = Code::Ok;
    int in = -1, out = -1, err = -1;
    int wake[2] = {-1, -1};
    pid_t pid = -1;
  };

  std::vector<std::string> words(const std::string& command) const {
    std::string text = command;
    const std::size_t at = text.find("exec /bin/sh ");
    std::string shell;
    for (const std::string& word : shell_) shell += word + " ";
    if (at != std::string::npos) text.replace(at, 13, "exec " + shell);
    return {"/bin/sh", "-c", text};
  }

  std::vector<std::string> shell_;
  std::string path_;
  std::mutex mutex_;
  std::list<std::shared_ptr<Process>> processes_;
  std::vector<std::jthread> threads_;
  std::atomic<int> started_{0};
};

}  // namespace slipway
