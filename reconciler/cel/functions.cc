#include "reconciler/cel/functions.h"

#include <iterator>
#include <unordered_map>

namespace slipway::cel {
namespace {

using Library = std::unordered_map<std::string_view, std::vector<Overload>>;

Library build() {
  Library out;
  for (auto part :
       {operatorOverloads, conversionOverloads, stringOverloads, listOverloads, timeOverloads, kubernetesOverloads}) {
    for (Overload& overload : part()) {
      out[overload.name].push_back(std::move(overload));
    }
  }
  return out;
}

}  // namespace

std::vector<const Overload*> overloadsNamed(std::string_view name, bool member) {
  static const Library kLibrary = build();
  std::vector<const Overload*> out;
  if (auto found = kLibrary.find(name); found != kLibrary.end()) {
    for (const Overload& overload : found->second) {
      if (overload.member == member) {
        out.push_back(&overload);
      }
    }
  }
  return out;
}

bool accepts(const Overload& overload, Arguments values) {
  if (overload.args.size() != values.size()) {
    return false;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Kind wanted = overload.args[i].kind;
    const Kind given = values[i].kind;
    if (wanted != Kind::Dyn && wanted != given && !(wanted == Kind::Map && given == Kind::Object)) {
      return false;
    }
  }
  return true;
}

}  // namespace slipway::cel
