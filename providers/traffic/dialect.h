#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "providers/traffic/host_exchange.h"

namespace slipway::traffic {

// What a service shall be.
struct Wanted {
  std::vector<BackendState> backends;  // in order of name; backend, weight and writer count
  std::string draining;                // a backend that is emptied
  Stickiness stickiness;
  bool sameAs(const std::vector<BackendState>& other) const;
};

// What one look means.
struct Sight {
  std::string managed;                   // the part of the configuration that is ours to change, as text
  bool exists = false;                   // the configuration has the service
  std::vector<BackendState> configured;  // what the configuration says, in order of name
  std::vector<BackendState> running;     // what the proxy does, likewise
  std::string problem;                   // why the proxy is not seen to run what is configured; empty: it is
  bool edited = false;                   // the running proxy was changed past its configuration
  Stickiness stickiness;                 // that the configuration has from us; a difference is a problem
  // Whether the configuration says what is wanted.
  bool says(const Wanted& wanted) const { return wanted.sameAs(configured) && wanted.stickiness == stickiness; }
};

// One round on the way to what is wanted.
struct Turn {
  const TrafficSpec& spec;
  const Look& look;
  const Sight& sight;
  const Wanted& wanted;
  const std::string& application;
  int refusals = 0;  // how often the proxy has refused the way that was tried
};

struct Next {
  Change change;
  std::string managedAfter;  // the managed part when the change is done
  bool last = true;          // of a restore: the record goes with it
};

// What is particular to one kind of proxy. Values in, values out: nothing here talks to anyone.
class Dialect {
 public:
  virtual ~Dialect() = default;
  // What to ask the proxy at each look.
  virtual std::vector<std::string> questions(const TrafficSpec& spec) const = 0;
  virtual Result<Sight> read(const TrafficSpec& spec, const Look& look) const = 0;
  // The next change; nothing: the proxy only needs time. The record is filled in by the caller.
  virtual Result<std::optional<Next>> next(const Turn& turn) const = 0;
  // The change that puts back what the record has as original; nothing: it is there.
  virtual Result<std::optional<Next>> restore(const Turn& turn) const = 0;
  // What an answer means that was not the wanted one. Ok: try again, another way.
  virtual Status judge(const Turn& turn, const Answer& answer) const = 0;
};

const Dialect& nginxDialect();
const Dialect& haproxyDialect();
const Dialect& caddyDialect();
const Dialect& traefikDialect();
const Dialect& dialectOf(ProxyType type);

}  // namespace slipway::traffic
