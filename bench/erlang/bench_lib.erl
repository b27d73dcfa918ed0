%% SPDX-License-Identifier: Apache-2.0
%% What all families share: the clock, the generator, percentiles, /proc, and the line of output.
-module(bench_lib).
-export([now_ns/0, random/1, report/3, report/4, percentiles/2, memory/1, cpu_seconds/0, each/2]).

now_ns() ->
    erlang:monotonic_time(nanosecond).

%% The generator that every peer uses; the state is the value.
random(X) ->
    X * 16807 rem 2147483647.

report(Name, N, Ns) ->
    report(Name, N, Ns, []).

report(Name, N, Ns, More) ->
    Seconds = Ns / 1.0e9,
    io:format("benchmark=~s peer=otp25 n=~b seconds=~.6f rate=~.1f~s~n",
              [Name, N, Seconds, N / Seconds, [more(M) || M <- More]]).

more({Key, Value}) when is_float(Value) -> io_lib:format(" ~s=~.3f", [Key, Value]);
more({Key, Value}) -> io_lib:format(" ~s=~b", [Key, Value]).

%% Prefix is "" or "call_"; the values are nanoseconds, the result microseconds.
percentiles(Prefix, Values) ->
    Sorted = list_to_tuple(lists:sort(Values)),
    Size = tuple_size(Sorted),
    At = fun(P) -> element(max(1, min(Size, ceil(P * Size))), Sorted) / 1000 end,
    [{Prefix ++ "p50_us", At(0.5)}, {Prefix ++ "p99_us", At(0.99)},
     {Prefix ++ "p999_us", At(0.999)}, {Prefix ++ "max_us", At(1)}].

%% A field of /proc/self/status in bytes: "VmRSS" or "VmHWM".
memory(Field) ->
    {ok, Text} = file:read_file("/proc/self/status"),
    {match, [Kb]} = re:run(Text, Field ++ ":\\s+(\\d+) kB", [{capture, all_but_first, list}]),
    list_to_integer(Kb) * 1024.

cpu_seconds() ->
    {ok, Text} = file:read_file("/proc/self/stat"),
    [_, Rest] = binary:split(Text, <<") ">>),
    Fields = binary:split(Rest, <<" ">>, [global]),
    (binary_to_integer(lists:nth(12, Fields)) + binary_to_integer(lists:nth(13, Fields))) / 100.

%% Runs Fun N times.
each(0, _) -> ok;
each(N, Fun) -> Fun(), each(N - 1, Fun).
