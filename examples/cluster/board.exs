# SPDX-License-Identifier: Apache-2.0
# An Elixir supervisor whose children are written in C (pricing.c). Run as pricing.c says.

node = System.argv() |> hd() |> String.to_atom()
wait = fn wait, ready? -> unless ready?.(), do: (Process.sleep(10); wait.(wait, ready?)) end

defmodule Worker do
  def child_spec({node, n}),
    do: %{id: {:worker, n}, start: {__MODULE__, :start_link, [node, n]}}

  # A process of the C node, linked to the supervisor like any child.
  def start_link(node, n), do: {:ok, :proc_lib.spawn_link(node, :pricing, :worker, [n])}
end

wait.(wait, fn -> Node.connect(node) end)
{:ok, _} = :pg.start_link(:pg)
{:ok, sup} = Supervisor.start_link(for(n <- 1..3, do: {Worker, {node, n}}), strategy: :one_for_one)

members = fn -> :pg.get_members(:pg, :pricing) end
prices = fn -> members.() |> Enum.map(&GenServer.call(&1, :price)) |> Enum.sort() end

wait.(wait, fn -> length(members.()) == 3 end)
IO.inspect(prices.(), label: "prices")

Enum.each(members.(), &GenServer.cast(&1, {:raise_by, 5}))
IO.inspect(prices.(), label: "raised")

# One of them crashes: the supervisor here starts it again there.
before = members.()
GenServer.cast(hd(before), {:raise_by, -1000})
wait.(wait, fn -> length(members.()) == 3 and members.() != before end)
IO.inspect(length(Supervisor.which_children(sup)), label: "children")
IO.inspect(length(prices.()), label: "workers that answer")
IO.inspect(:sys.get_state(hd(members.())) |> Map.keys(), label: "state of one")
