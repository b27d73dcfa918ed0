%% SPDX-License-Identifier: Apache-2.0
%% tcp_echo_server: one process for each connection, {active, once}.
-module(bench_tcp).
-export([tcp_echo_server/1]).

tcp_echo_server(Port) ->
    {ok, Listener} = gen_tcp:listen(Port, [binary, {ip, {127, 0, 0, 1}}, {active, false},
                                           {packet, raw}, {nodelay, true}, {reuseaddr, true},
                                           {backlog, 4096}]),
    io:format("ready~n"),
    accept(Listener).

accept(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Pid = spawn(fun() -> receive go -> activate(Socket) end end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! go,
    accept(Listener).

activate(Socket) ->
    ok = inet:setopts(Socket, [{active, once}]),
    echo(Socket).

echo(Socket) ->
    receive
        {tcp, Socket, Data} ->
            case gen_tcp:send(Socket, Data) of
                ok -> activate(Socket);
                {error, _} -> gen_tcp:close(Socket)
            end;
        {tcp_closed, Socket} ->
            ok;
        {tcp_error, Socket, _} ->
            gen_tcp:close(Socket)
    end.
