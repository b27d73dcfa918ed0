# SPDX-License-Identifier: Apache-2.0
# Agents, tasks, dynamic supervisors and the registry: Elixir's own. Peer of bench/library.c.
defmodule BenchLibrary do
  @compile {:no_warn_undefined, :bench_lib}

  def agent_get(n) do
    {:ok, agent} = Agent.start_link(fn -> 0 end)
    timed("agent_get", n, fn -> each(n, fn _ -> 0 = Agent.get(agent, fn state -> state end) end) end)
  end

  def agent_update(n) do
    {:ok, agent} = Agent.start_link(fn -> 0 end)
    timed("agent_update", n, fn -> each(n, fn _ -> Agent.update(agent, &(&1 + 1)) end) end)
    ^n = Agent.get(agent, fn state -> state end)
  end

  def task_async(n) do
    timed("task_async", n, fn -> each(n, fn _ -> 1 = Task.await(Task.async(fn -> 1 end)) end) end)
  end

  def task_stream(n) do
    stream = Task.async_stream(List.duplicate(1, n), fn value -> value end)
    timed("task_stream", n, fn -> Enum.each(stream, fn {:ok, 1} -> :ok end) end)
  end

  def start_link(value), do: GenServer.start_link(BenchLibrary.Counter, value)

  def dynamic_start(n) do
    Process.flag(:trap_exit, true)
    {:ok, workers} = DynamicSupervisor.start_link(strategy: :one_for_one)
    child = %{id: 1, start: {__MODULE__, :start_link, [0]}, restart: :temporary}
    start = fn _ -> {:ok, _} = DynamicSupervisor.start_child(workers, child) end
    started_ns = time(fn -> each(n, start) end)
    stopped_ns = time(fn -> DynamicSupervisor.stop(workers, :shutdown, :infinity) end)
    :bench_lib.report("dynamic_start", n, started_ns, stop_us: stopped_ns / 1000)
  end

  def registry_lookup(lookers, entries, n) do
    registry()
    each(entries, fn i -> {:ok, _} = Registry.register(BenchRegistry, i - 1, :value) end)
    lookup = fn i -> [_] = Registry.lookup(BenchRegistry, rem(i, entries)) end
    timed("registry_lookup", n, fn -> by_many(lookers, div(n, lookers), lookup) end)
  end

  def registry_whereis(lookers, entries, n) do
    names = List.to_tuple(for i <- 1..entries, do: :"entry_#{i}")
    for name <- Tuple.to_list(names), do: Process.register(spawn(&idle/0), name)
    lookup = fn i -> true = is_pid(:erlang.whereis(elem(names, rem(i, entries)))) end
    timed("registry_whereis", n, fn -> by_many(lookers, div(n, lookers), lookup) end)
  end

  defp idle do
    receive do: (:stop -> :ok)
  end

  defp by_many(workers, n, fun) do
    for(_ <- 1..workers, do: spawn_monitor(fn -> each(n, fun) end))
    |> Enum.each(fn {_, ref} -> receive do: ({:DOWN, ^ref, _, _, :normal} -> :ok) end)
  end

  def registry_dispatch(subscribers, n) do
    {:ok, _} = Registry.start_link(keys: :duplicate, name: BenchRegistry)
    rounds = div(n, subscribers)
    owner = self()

    for _ <- 1..subscribers do
      spawn_link(fn ->
        {:ok, _} = Registry.register(BenchRegistry, :topic, :value)
        send(owner, :subscribed)
        each(rounds, fn _ -> receive do: (:event -> :ok) end)
        send(owner, :received)
      end)
    end

    each(subscribers, fn _ -> receive do: (:subscribed -> :ok) end)
    deliver = fn entries -> for {pid, _} <- entries, do: send(pid, :event) end

    timed("registry_dispatch", rounds * subscribers, fn ->
      each(rounds, fn _ -> Registry.dispatch(BenchRegistry, :topic, deliver) end)
      each(subscribers, fn _ -> receive do: (:received -> :ok) end)
    end)
  end

  def registry_register(n) do
    registry()

    hundred = fn _ ->
      each(100, fn i -> {:ok, _} = Registry.register(BenchRegistry, i, :value) end)
      each(100, fn i -> :ok = Registry.unregister(BenchRegistry, i) end)
    end

    timed("registry_register", div(n, 100) * 100, fn -> each(div(n, 100), hundred) end)
  end

  defp registry, do: {:ok, _} = Registry.start_link(keys: :unique, name: BenchRegistry)

  defp each(0, _), do: :ok

  defp each(n, fun) do
    fun.(n)
    each(n - 1, fun)
  end

  defp time(fun) do
    from = :bench_lib.now_ns()
    fun.()
    :bench_lib.now_ns() - from
  end

  defp timed(name, n, fun), do: :bench_lib.report(name, n, time(fun))
end

defmodule BenchLibrary.Counter do
  use GenServer
  def init(value), do: {:ok, value}
end
