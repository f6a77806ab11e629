"""Seven varieties of beans, told apart by a network of two hidden layers with dropout."""

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix
from tables import beans

from tabgrad.layers import Dense, Dropout
from tabgrad.models import Sequential

X_train, X_test, y_train, y_test = beans()
n_features = X_train.shape[1]

model = Sequential()
model.add(Dense(64, activation="relu", input_dim=n_features))
model.add(Dropout(0.5))
model.add(Dense(64, activation="relu"))
model.add(Dropout(0.5))
# softmax output layer: one probability a variety
model.add(Dense(7, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(X_train.values, y_train.values, epochs=20, batch_size=16, verbose=2)

y_pred = model.predict(X_test.values, verbose=0)
y_te = np.argmax(y_test.values, axis=1)
y_pr = np.argmax(y_pred, axis=1)
print(classification_report(y_te, y_pr, target_names=y_test.columns))
print(confusion_matrix(y_te, y_pr))
