"""The sender: delivers mail to its next hops, retries what has to wait, tells senders what failed.

It takes what all filters let pass, and the notices of the other stages, from the bus. What leaves it is mail
for the hosts that the routing table or DNS name, and delivery status notifications, which it takes itself.
"""
