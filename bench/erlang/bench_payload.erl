%% SPDX-License-Identifier: Apache-2.0
%% payload KIND N: what a message costs by what it carries.
-module(bench_payload).
-export([payload/2]).

payload(Kind, N) ->
    Value = value(Kind),
    Bursts = N div 100,
    B = spawn_link(fun() -> consume(Kind, 0) end),
    T0 = bench_lib:now_ns(),
    bursts(Bursts, B, Value),
    T1 = bench_lib:now_ns(),
    B ! {sum, self()},
    Sum = Bursts * 100 * 7,
    receive {sum, Sum} -> ok end,
    bench_lib:report("payload", Bursts * 100, T1 - T0).

bursts(0, _, _) ->
    ok;
bursts(Bursts, B, Value) ->
    burst(100, B, Value),
    B ! {sync, self()},
    receive synced -> ok end,
    bursts(Bursts - 1, B, Value).

burst(0, _, _) -> ok;
burst(N, B, Value) -> B ! {value, Value}, burst(N - 1, B, Value).

%% Built at run time: a literal of the module would not be copied. Each value's element that is
%% looked at is 7.
value(list100) -> lists:seq(7, 106);
value(bin1k) -> binary:copy(<<7>>, 1024);
value(bin64k) -> binary:copy(<<7>>, 65536);
value(map50) ->
    maps:from_list([{I, {item, I, iolist_to_binary(io_lib:format("name~4..0b", [I])), [I, I + 1]}}
                    || I <- lists:seq(1, 50)]).

look(list100, [First | _]) -> First;
look(map50, #{7 := {item, Id, _, _}}) -> Id;
look(_, Binary) -> binary:first(Binary).

consume(Kind, Sum) ->
    receive
        {value, Value} -> consume(Kind, Sum + look(Kind, Value));
        {sync, From} -> From ! synced, consume(Kind, Sum);
        {sum, From} -> From ! {sum, Sum}
    end.
