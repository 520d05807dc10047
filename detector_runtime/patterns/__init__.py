"""Named patterns: what a deviation is called, said in the words of the service.

Detection triggers, patterns explain: nothing here makes a window anomalous.
"""
