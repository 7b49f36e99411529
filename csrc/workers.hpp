// A few threads for one piece of work: started for it, asleep while they wait, gone afterwards.
//
// Starting one takes some 20 microseconds. A pool that is kept, as OpenMP's is, spins between its
// pieces of work on a processor that somebody else needs, and a process that forks loses it.
#pragma once

#include <cstddef>
#include <utility>

#ifndef __wasi__
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>
#endif

namespace tellus {

using std::ptrdiff_t;

#ifdef __wasi__

// A browser's module has no threads.
struct Member {
    std::pair<ptrdiff_t, ptrdiff_t> share(ptrdiff_t first, ptrdiff_t last) const {
        return {first, last};
    }
    void meet() const {}
};

template <class Work>
void together(bool, const Work& work) {
    work(Member());
}

#else

// The most threads that a kernel may use.
inline int threads_allowed = 1;

// One of `size` threads that do a piece of work together.
class Member {
  public:
    struct Meeting {
        std::mutex lock;
        std::condition_variable all_here;
        int here = 0, round = 0;
    };

    Member(int number, int size, Meeting& meeting)
        : number_(number), size_(size), meeting_(meeting) {}

    // Its share of the indices from `first` to `last` - 1.
    std::pair<ptrdiff_t, ptrdiff_t> share(ptrdiff_t first, ptrdiff_t last) const {
        const ptrdiff_t count = last - first;
        return {first + count * number_ / size_, first + count * (number_ + 1) / size_};
    }

    // Wait until every member has come this far.
    void meet() const {
        if (size_ == 1) return;
        std::unique_lock held(meeting_.lock);
        const int round = meeting_.round;
        if (++meeting_.here == size_) {
            meeting_.here = 0;
            ++meeting_.round;
            meeting_.all_here.notify_all();
        } else {
            meeting_.all_here.wait(held, [&] { return meeting_.round != round; });
        }
    }

  private:
    int number_, size_;
    Meeting& meeting_;
};

// Let all the threads allowed call work(member) where it is worth it, else this one alone.
template <class Work>
void together(bool worth_it, const Work& work) {
    const int size = worth_it ? std::max(1, threads_allowed) : 1;
    Member::Meeting meeting;
    std::vector<std::thread> others;
    for (int number = 1; number < size; ++number)
        others.emplace_back([&, number] { work(Member(number, size, meeting)); });
    work(Member(0, size, meeting));
    for (auto& other : others) other.join();
}

#endif

}  // namespace tellus
