#pragma once
// Values that are made once each, when somebody first asks, and kept. Any number of threads may ask.

#include <map>
#include <memory>
#include <mutex>

namespace ds {

template <class Key, class Value>
class Memo {
 public:
  /// `make()` gives the Value; it may ask others, not this one. What is returned stays where it is.
  template <class Make>
  const Value& of(const Key& key, Make&& make) {
    Slot* slot = nullptr;
    {
      const std::scoped_lock hold(lock_);
      std::unique_ptr<Slot>& found = slots_[key];
      if (!found) found = std::make_unique<Slot>();
      slot = found.get();
    }
    std::call_once(slot->made, [&] { slot->value = std::make_unique<Value>(make()); });
    return *slot->value;
  }

  /// Nobody may ask meanwhile; what was returned is gone.
  void clear() { slots_.clear(); }

 private:
  struct Slot {
    std::once_flag made;
    std::unique_ptr<Value> value;
  };
  std::mutex lock_;
  std::map<Key, std::unique_ptr<Slot>> slots_;
};

}  // namespace ds
