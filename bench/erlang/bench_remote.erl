%% SPDX-License-Identifier: Apache-2.0
%% Two nodes on loopback: remote_node, remote_call, remote_call_many, remote_bulk; and the codec. The
%% emulator is started with a name by `run`. The module is also the callback module of the server.
-module(bench_remote).
-behaviour(gen_server).
-export([remote_node/1, remote_call/2, remote_call_many/3, remote_bulk/3, codec/2]).
-export([init/1, handle_call/3, handle_cast/2]).

init(Sum) -> {ok, Sum}.

handle_call({add, N}, _From, Sum) -> {reply, Sum + N, Sum + N};
handle_call(get, _From, Sum) -> {reply, Sum, Sum};
handle_call({size, Bytes}, _From, Sum) -> {reply, byte_size(Bytes), Sum}.

handle_cast(_, Sum) -> {noreply, Sum}.

remote_node(_) ->
    {ok, _} = gen_server:start_link({local, rsrv}, ?MODULE, 0, []),
    io:format("ready~n"),
    receive never -> ok end.

calls(_, 0, Last) -> Last;
calls(Server, N, _) -> calls(Server, N - 1, gen_server:call(Server, {add, 1})).

remote_call(Node, N) ->
    Server = {rsrv, Node},
    Before = calls(Server, N div 10, 0),
    T0 = bench_lib:now_ns(),
    Sum = calls(Server, N, 0),
    T1 = bench_lib:now_ns(),
    Sum = Before + N,
    Latencies = timed(min(N, 100000), Server, []),
    bench_lib:report("remote_call", N, T1 - T0, bench_lib:percentiles("", Latencies)).

timed(0, _, Latencies) -> Latencies;
timed(N, Server, Latencies) ->
    T0 = bench_lib:now_ns(),
    gen_server:call(Server, {add, 1}),
    T1 = bench_lib:now_ns(),
    timed(N - 1, Server, [T1 - T0 | Latencies]).

remote_call_many(Node, C, N) ->
    Server = {rsrv, Node},
    Main = self(),
    Each = N div C,
    Before = gen_server:call(Server, get),
    Clients = [spawn_link(fun() -> receive go -> ok end, calls(Server, Each, 0), Main ! done end)
               || _ <- lists:seq(1, C)],
    T0 = bench_lib:now_ns(),
    [P ! go || P <- Clients],
    [receive done -> ok end || _ <- Clients],
    T1 = bench_lib:now_ns(),
    true = gen_server:call(Server, get) =:= Before + Each * C,
    bench_lib:report("remote_call_many", Each * C, T1 - T0).

remote_bulk(Node, Size, N) ->
    Server = {rsrv, Node},
    Request = {size, binary:copy(<<"x">>, Size)},
    Size = gen_server:call(Server, Request),
    T0 = bench_lib:now_ns(),
    bench_lib:each(N, fun() -> Size = gen_server:call(Server, Request) end),
    T1 = bench_lib:now_ns(),
    bench_lib:report("remote_bulk", N, T1 - T0, [{"mb_per_s", N * Size / 1.0e6 / ((T1 - T0) / 1.0e9)}]).

term(tuple) -> {counter, 42, [a, b, c], <<"0123456789abcdef">>, {ok, 1.5}, "text"};
term(list) -> [I * 1000 || I <- lists:seq(1, 1000)];
term(map) -> maps:from_list([{I, {I, <<"12345678">>, [1, 2]}} || I <- lists:seq(0, 49)]).

codec(Kind, N) ->
    Term = term(Kind),
    Bytes = term_to_binary(Term),
    Size = byte_size(Bytes),
    T0 = bench_lib:now_ns(),
    encode(N, Term, Size),
    T1 = bench_lib:now_ns(),
    decode(N, Bytes, Term),
    T2 = bench_lib:now_ns(),
    bench_lib:report("codec", N, T1 - T0, [{"encode_rate", N / ((T1 - T0) / 1.0e9)},
                                           {"decode_rate", N / ((T2 - T1) / 1.0e9)}]).

encode(0, _, _) -> ok;
encode(N, Term, Size) ->
    Bytes = term_to_binary(Term),
    Size = byte_size(Bytes),
    encode(N - 1, Term, Size).

decode(0, _, _) -> ok;
decode(N, Bytes, Term) ->
    Back = binary_to_term(Bytes),
    true = is_tuple(Back) orelse is_list(Back) orelse is_map(Back),
    decode(N - 1, Bytes, Term).
