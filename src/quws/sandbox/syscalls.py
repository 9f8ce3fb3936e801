"""The calls of the kernel that a child may make, with their numbers.

Each is a name, its number on x86_64 and its number on aarch64; ``-`` where it has none there.
"""

from __future__ import annotations

_FILES = """
read 0 63  write 1 64  open 2 -  openat 257 56  openat2 437 437  creat 85 -  close 3 57
close_range 436 436  stat 4 -  fstat 5 80  lstat 6 -  newfstatat 262 79  statx 332 291
lseek 8 62  pread64 17 67  pwrite64 18 68  readv 19 65  writev 20 66  preadv 295 69
pwritev 296 70  preadv2 327 286  pwritev2 328 287  access 21 -  faccessat 269 48
faccessat2 439 439  pipe 22 -  pipe2 293 59  dup 32 23  dup2 33 -  dup3 292 24  flock 73 32
fsync 74 82  fdatasync 75 83  ftruncate 77 46  fallocate 285 47  getdents 78 -  getdents64 217 61
getcwd 79 17  chdir 80 49  fchdir 81 50  rename 82 -  renameat 264 38  renameat2 316 276
mkdir 83 -  mkdirat 258 34  rmdir 84 -  unlink 87 -  unlinkat 263 35  readlink 89 -
readlinkat 267 78  umask 95 166  statfs 137 43  fstatfs 138 44  sendfile 40 71
copy_file_range 326 285  fadvise64 221 223  readahead 187 213  sync_file_range 277 84
getxattr 191 8  lgetxattr 192 9  fgetxattr 193 10  listxattr 194 11  llistxattr 195 12
flistxattr 196 13  memfd_create 319 279
"""
# Not among them: whatever changes a file by its path and is no matter of Landlock's (chmod, chown,
# utimes, setxattr), links and devices, and inotify, which tells the names in folders of others.

_WAITING = """
poll 7 -  ppoll 271 73  select 23 -  pselect6 270 72  epoll_create 213 -  epoll_create1 291 20
epoll_ctl 233 21  epoll_wait 232 -  epoll_pwait 281 22  epoll_pwait2 441 441  eventfd 284 -
eventfd2 290 19  timerfd_create 283 85  timerfd_settime 286 86  timerfd_gettime 287 87
signalfd 282 -  signalfd4 289 74
"""
_MEMORY = """
mmap 9 222  mprotect 10 226  munmap 11 215  brk 12 214  mremap 25 216  madvise 28 233
msync 26 227  mincore 27 232  mlock 149 228  mlock2 325 284  munlock 150 229  mlockall 151 230
munlockall 152 231  membarrier 324 283  mbind 237 235  get_mempolicy 239 236
set_mempolicy 238 237
"""
_THREADS = """
futex 202 98  futex_waitv 449 449  set_robust_list 273 99  get_robust_list 274 100
set_tid_address 218 96  rseq 334 293  exit 60 93  exit_group 231 94  sched_yield 24 124
sched_getaffinity 204 123  sched_getparam 143 121  sched_getscheduler 145 120
sched_get_priority_max 146 125  sched_get_priority_min 147 126  sched_rr_get_interval 148 127
getpriority 140 141  wait4 61 260  waitid 247 95  getpid 39 172  gettid 186 178
getppid 110 173  getpgid 121 155  getpgrp 111 -  getsid 124 156  getuid 102 174
geteuid 107 175  getgid 104 176  getegid 108 177  getresuid 118 148  getresgid 120 150
getgroups 115 158  capget 125 90  arch_prctl 158 -
"""
_SIGNALS = """
rt_sigaction 13 134  rt_sigprocmask 14 135  rt_sigreturn 15 139  rt_sigpending 127 136
rt_sigtimedwait 128 137  rt_sigsuspend 130 133  sigaltstack 131 132  restart_syscall 219 128
pause 34 -  alarm 37 -  setitimer 38 103  getitimer 36 102  timer_create 222 107
timer_settime 223 110  timer_gettime 224 108  timer_getoverrun 225 109  timer_delete 226 111
"""
_TIMES = """
nanosleep 35 101  clock_nanosleep 230 115  clock_gettime 228 113  clock_getres 229 114
gettimeofday 96 169  time 201 -  times 100 153  getrusage 98 165  sysinfo 99 179  uname 63 160
getcpu 309 168  getrandom 318 278  getrlimit 97 163  setrlimit 160 164
"""
_LINE = """
sendto 44 206  recvfrom 45 207  sendmsg 46 211  recvmsg 47 212  shutdown 48 210
getsockname 51 204  getpeername 52 205  getsockopt 55 209  setsockopt 54 208
"""
"""With the sockets that it was given."""

COMPUTING = _FILES + _WAITING + _MEMORY + _THREADS + _SIGNALS + _TIMES + _LINE
"""What every child may do."""
NETWORK = "connect 42 203  bind 49 200  sendmmsg 307 269  recvmmsg 299 243"
"""What those may besides that talk to other machines; none listens."""
PROGRAMS = """
fork 57 -  vfork 58 -  execve 59 221  execveat 322 281  kill 62 129  tgkill 234 131
tkill 200 130  rt_sigqueueinfo 129 138  rt_tgsigqueueinfo 297 240
"""
"""What those may besides that start programs."""
ARGUED = """
clone 56 220  clone3 435 435  ioctl 16 29  fcntl 72 25  prctl 157 167  prlimit64 302 261
setpriority 141 140  sched_setaffinity 203 122  kill 62 129  tgkill 234 131  socket 41 198
socketpair 53 199
"""
"""What depends on the arguments."""
NEWEST = 451
"""Beyond it are those that came after these lists: whoever finds them missing does without."""


def numbers(calls: str, machine: int) -> dict[str, int]:
    """Return the calls by name, on x86_64 (0) or aarch64 (1)."""
    words = calls.split()
    found = zip(words[::3], words[1 + machine :: 3], strict=True)
    return {name: int(number) for name, number in found if number != "-"}
