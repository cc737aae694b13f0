#include "controlplane/timer_queue.h"

namespace noisegate::controlplane {

void TimerQueue::Set(Id id, TimePoint at) {
  if (id >= position_.size()) position_.resize(id + 1, kAbsent);
  if (position_[id] == kAbsent) {
    position_[id] = static_cast<uint32_t>(heap_.size());
    heap_.push_back({at, id});
  } else {
    heap_[position_[id]].at = at;
  }
  SiftUp(position_[id]);
  SiftDown(position_[id]);
}

void TimerQueue::Cancel(Id id) {
  if (id >= position_.size() || position_[id] == kAbsent) return;
  const uint32_t hole = position_[id];
  position_[id] = kAbsent;
  const Entry last = heap_.back();
  heap_.pop_back();
  if (last.id == id) return;
  Put(hole, last);
  SiftUp(hole);
  SiftDown(position_[last.id]);
}

std::optional<TimerQueue::TimePoint> TimerQueue::Next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

std::optional<TimerQueue::Id> TimerQueue::PopDue(TimePoint now) {
  if (heap_.empty() || heap_.front().at > now) return std::nullopt;
  const Id id = heap_.front().id;
  Cancel(id);
  return id;
}

void TimerQueue::Put(uint32_t position, Entry entry) {
  heap_[position] = entry;
  position_[entry.id] = position;
}

void TimerQueue::SiftUp(uint32_t position) {
  const Entry entry = heap_[position];
  while (position > 0) {
    const uint32_t parent = (position - 1) / 2;
    if (heap_[parent].at <= entry.at) break;
    Put(position, heap_[parent]);
    position = parent;
  }
  Put(position, entry);
}

void TimerQueue::SiftDown(uint32_t position) {
  const Entry entry = heap_[position];
  for (;;) {
    uint32_t child = 2 * position + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].at < heap_[child].at) ++child;
    if (entry.at <= heap_[child].at) break;
    Put(position, heap_[child]);
    position = child;
  }
  Put(position, entry);
}

}  // namespace noisegate::controlplane
