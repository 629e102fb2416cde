// Loads an API server over TLS connections that stay open, one thread each, and prints what it measured as JSON.
//   bench_api_load HOST PORT CA CERT KEY SECONDS CONNECTIONS METHOD PATH [BODY-FILE]
// With the METHOD "WATCH", CONNECTIONS watches of the collection PATH are open while one connection creates objects
// named watch-@@ there; measured is the time from the request's start to each event. In PATH and in the body every "@@"
// becomes the next number from 0; in PATH every "##" a random one below BENCH_RANGE (environment), for reading what an
// earlier run created.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Steady = std::chrono::steady_clock;

struct Job {
  std::string host;
  int port = 0;
  SSL_CTX* tls = nullptr;
  std::string method;
  std::string path;
  std::string body;
  Steady::time_point end;
  long range = 1;
};

struct Tally {
  std::vector<float> micros;
  long failures = 0;
  long bytes = 0;
  std::string firstFailure;
};

std::atomic<long> nextNumber{0};

std::string replaced(std::string text, const std::string& mark, const std::string& with) {
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + with.size())) {
    text.replace(at, mark.size(), with);
  }
  return text;
}

class Connection {
 public:
  explicit Connection(const Job& job) : fd_(::socket(AF_INET, SOCK_STREAM, 0)), ssl_(SSL_new(job.tls)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(job.port));
    ::inet_pton(AF_INET, job.host.c_str(), &address.sin_addr);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL_set_fd(ssl_, fd_);
    good_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && SSL_connect(ssl_) == 1;
  }
  ~Connection() {
    SSL_free(ssl_);
    ::close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  bool good() const { return good_; }
  bool send(const std::string& text) { return SSL_write(ssl_, text.data(), static_cast<int>(text.size())) > 0; }
  // Waits for what comes, and calls `take` with it; false at the end.
  template <class Take>
  bool receive(const Take& take) {
    char bytes[65536];
    const int got = SSL_read(ssl_, bytes, sizeof bytes);
    if (got > 0) {
      take(std::string_view(bytes, static_cast<std::size_t>(got)));
    }
    return got > 0;
  }
  // Ends a receive() of another thread.
  void cut() { ::shutdown(fd_, SHUT_RDWR); }

  // The status code; 0 when the connection broke. `size` becomes the length of the whole answer.
  int exchange(const std::string& request, std::size_t& size) {
    if (!send(request)) {
      return 0;
    }
    buffer_.clear();
    std::size_t head = 0;
    while ((head = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) {
        return 0;
      }
    }
    const std::size_t length = buffer_.find("Content-Length: ");
    if (length < head) {
      const std::size_t wanted = head + 4 + std::strtoul(buffer_.c_str() + length + 16, nullptr, 10);
      while (buffer_.size() < wanted) {
        if (!more()) {
          return 0;
        }
      }
    } else {
      while (!buffer_.ends_with("\r\n0\r\n\r\n")) {
        if (!more()) {
          return 0;
        }
      }
    }
    size = buffer_.size();
    return std::atoi(buffer_.c_str() + 9);
  }
  const std::string& last() const { return buffer_; }

 private:
  bool more() {
    return receive([this](std::string_view bytes) { buffer_.append(bytes); });
  }
  const int fd_;
  SSL* const ssl_;
  bool good_ = false;
  std::string buffer_;
};

std::string render(const Job& job, unsigned& seed) {
  const std::string fresh = std::to_string(nextNumber++);
  const std::string used = std::to_string(static_cast<long>(::rand_r(&seed)) % job.range);
  const std::string path = replaced(replaced(job.path, "@@", fresh), "##", used);
  const std::string body = replaced(job.body, "@@", fresh);
  return job.method + " " + path + " HTTP/1.1\r\nHost: " + job.host + "\r\nAccept: application/json\r\n" +
         (body.empty() ? ""
                       : "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n") +
         "\r\n" + body;
}

void work(const Job& job, unsigned seed, Tally& tally) {
  Connection connection(job);
  while (connection.good() && Steady::now() < job.end) {
    const std::string request = render(job, seed);
    const auto start = Steady::now();
    std::size_t size = 0;
    const int status = connection.exchange(request, size);
    tally.micros.push_back(std::chrono::duration<float, std::micro>(Steady::now() - start).count());
    tally.bytes += static_cast<long>(size);
    if (status < 200 || status > 299) {
      ++tally.failures;
      tally.firstFailure = tally.firstFailure.empty() ? connection.last().substr(0, 300) : tally.firstFailure;
      if (status == 0) {
        return;
      }
    }
  }
  tally.failures += connection.good() ? 0 : 1;
}

constexpr std::size_t kMostWrites = 1U << 20U;

// What the writer of a watch load tells the watchers: when it sent which object.
struct Board {
  std::vector<std::atomic<Steady::rep>> sent = std::vector<std::atomic<Steady::rep>>(kMostWrites);
  std::mutex mutex;
  std::condition_variable changed;
  long ready = 0;
  long events = 0;

  void add(long& counter) {
    const std::lock_guard lock(mutex);
    ++counter;
    changed.notify_all();
  }
  // False when it does not come to that within some seconds.
  bool reaches(const long& counter, long wanted) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(10), [&] { return counter >= wanted; });
  }
};

// Takes complete events out of the text: each names its object once.
void takeEvents(std::string& text, Board& board, Tally& tally) {
  constexpr std::string_view kMark = "\"name\":\"watch-";
  std::size_t done = 0;
  for (std::size_t at = text.find(kMark); at != std::string::npos; at = text.find(kMark, done)) {
    const std::size_t end = text.find('"', at + kMark.size());
    if (end == std::string::npos) {
      break;
    }
    const std::size_t number = std::strtoul(text.c_str() + at + kMark.size(), nullptr, 10);
    const Steady::duration late = Steady::now().time_since_epoch() - Steady::duration(board.sent[number % kMostWrites]);
    tally.micros.push_back(std::chrono::duration<float, std::micro>(late).count());
    board.add(board.events);
    done = end;
  }
  // An event may be in two pieces: keep what may be the beginning of its mark.
  text.erase(0, std::max(done, text.size() < kMark.size() ? 0 : text.size() - kMark.size()));
}

void watch(Connection& connection, const Job& job, Board& board, Tally& tally) {
  connection.send("GET " + job.path + "?watch=1 HTTP/1.1\r\nHost: " + job.host +
                  "\r\nAccept: application/json\r\n\r\n");
  std::string text;
  bool begun = false;
  while (connection.receive([&](std::string_view bytes) {
    tally.bytes += static_cast<long>(bytes.size());
    text.append(bytes);
    if (!begun && text.find("\r\n\r\n") != std::string::npos) {
      begun = true;
      board.add(board.ready);
    }
    takeEvents(text, board, tally);
  })) {
  }
}

// Creates objects until the time is over; how many.
long writeAll(const Job& job, Board& board, Tally& tally) {
  Connection connection(job);
  long writes = 0;
  unsigned seed = 1;
  while (connection.good() && Steady::now() < job.end && tally.failures == 0) {
    board.sent[static_cast<std::size_t>(nextNumber.load()) % kMostWrites] = Steady::now().time_since_epoch().count();
    std::size_t size = 0;
    const int status = connection.exchange(render(job, seed), size);
    tally.failures += status < 200 || status > 299 ? 1 : 0;
    tally.firstFailure = tally.failures > 0 ? connection.last().substr(0, 300) : "";
    ++writes;
  }
  return writes;
}

void loadWatches(Job& job, std::vector<Tally>& tallies, double seconds) {
  Board board;
  std::vector<std::unique_ptr<Connection>> connections;
  std::vector<std::jthread> threads;
  Job looking = job;
  for (Tally& tally : tallies) {
    connections.push_back(std::make_unique<Connection>(job));
    threads.emplace_back(
        [&connection = *connections.back(), &looking, &board, &tally] { watch(connection, looking, board, tally); });
  }
  const auto all = static_cast<long>(tallies.size());
  board.reaches(board.ready, all);
  job.method = "POST";
  job.end = Steady::now() + std::chrono::milliseconds(static_cast<long>(1000 * seconds));
  const long writes = writeAll(job, board, tallies.front());
  const bool complete = board.reaches(board.events, writes * all);
  for (const auto& connection : connections) {
    connection->cut();
  }
  threads.clear();
  tallies.front().failures += complete ? 0 : 1;
}

Job readJob(char** argument) {
  Job job;
  job.host = argument[1];
  job.port = std::atoi(argument[2]);
  job.tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_load_verify_locations(job.tls, argument[3], nullptr);
  SSL_CTX_set_verify(job.tls, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_use_certificate_chain_file(job.tls, argument[4]);
  SSL_CTX_use_PrivateKey_file(job.tls, argument[5], SSL_FILETYPE_PEM);
  job.method = argument[8];
  job.path = argument[9];
  if (argument[10] != nullptr) {
    std::ifstream file(argument[10]);
    job.body.assign(std::istreambuf_iterator<char>(file), {});
  }
  if (const char* range = std::getenv("BENCH_RANGE")) {
    job.range = std::max(1L, std::atol(range));
  }
  return job;
}

}  // namespace

int main(int count, char** argument) {
  if (count < 10) {
    std::fprintf(stderr, "usage: %s HOST PORT CA CERT KEY SECONDS CONNECTIONS METHOD PATH [BODY-FILE]\n", argument[0]);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  Job job = readJob(argument);
  std::vector<Tally> tallies(static_cast<std::size_t>(std::atoi(argument[7])));
  const auto start = Steady::now();
  job.end = start + std::chrono::milliseconds(static_cast<long>(1000 * std::atof(argument[6])));
  if (job.method == "WATCH") {
    loadWatches(job, tallies, std::atof(argument[6]));
  } else {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < tallies.size(); ++i) {
      threads.emplace_back([&job, &tally = tallies[i], i] { work(job, static_cast<unsigned>(i + 1), tally); });
    }
  }
  const double seconds = std::chrono::duration<double>(Steady::now() - start).count();
  Tally all;
  for (const Tally& tally : tallies) {
    all.micros.insert(all.micros.end(), tally.micros.begin(), tally.micros.end());
    all.failures += tally.failures;
    all.bytes += tally.bytes;
    all.firstFailure = all.firstFailure.empty() ? tally.firstFailure : all.firstFailure;
  }
  std::sort(all.micros.begin(), all.micros.end());
  const auto at = [&all](double share) {
    return all.micros.empty()
               ? 0.F
               : all.micros[static_cast<std::size_t>(share * static_cast<double>(all.micros.size() - 1))];
  };
  std::printf(
      "{\"requests\": %zu, \"failures\": %ld, \"seconds\": %.3f, \"bytes\": %ld, \"p50_us\": %.0f, \"p99_us\": %.0f}\n",
      all.micros.size(), all.failures, seconds, all.bytes, static_cast<double>(at(0.5)), static_cast<double>(at(0.99)));
  if (all.failures > 0) {
    std::fprintf(stderr, "first failure: %s\n", all.firstFailure.c_str());
  }
  SSL_CTX_free(job.tls);
  return all.failures > 0 ? 1 : 0;
}
